// The worker's side of the pool: look the task up, run it with this thread's kernels, answer once.

import { parentPort } from 'node:worker_threads';
import { cancelled } from '../base/cancellation.ts';
import { QuantscopeError, toFailure } from '../base/errors.ts';
import { closeReaders } from '../io/fileReader.ts';
import { forgetIdentities } from '../io/keptBytes.ts';
import type { TaskReply, TaskRequest } from './pool.ts';
import { type Kernels, loadKernels } from './wasm.ts';

export interface TaskContext {
  readonly kernels: Kernels;
  /** Throws CANCELLED once the caller gave up; call it between chunks (every few milliseconds). */
  checkpoint(): void;
  progress(value: number): void;
}

/** A task: plain data in, plain data (typed arrays included) out, synchronous inside its thread. */
export type Task<Input, Output> = (input: Input, context: TaskContext) => Output;

/** Erased form for the registry: callers of `Pool.run` know the real types. */
export type AnyTask = (input: never, context: TaskContext) => unknown;

export function serveTasks(tasks: Readonly<Record<string, AnyTask>>): void {
  const port = parentPort;
  if (port === null) throw new Error('serveTasks runs in a worker thread');
  const send = (reply: TaskReply): void => port.postMessage(reply);
  port.on('message', async ({ task: name, input, stop }: TaskRequest) => {
    const flag = new Int32Array(stop);
    try {
      const task = tasks[name];
      if (task === undefined) throw new QuantscopeError('INTERNAL', `no task is called ${name}`);
      const kernels = await loadWorkerKernels();
      const output = kernels.arena.scoped(() =>
        task(input as never, {
          kernels,
          checkpoint: () => {
            if (Atomics.load(flag, 0) !== 0) throw cancelled(name);
          },
          progress: (value) => send({ progress: value }),
        }),
      );
      send({ output });
    } catch (error) {
      send({ failure: toFailure(error) });
    } finally {
      // A path may name another file by the time the next task asks for it.
      closeReaders();
      forgetIdentities();
    }
  });
}

let loaded: Promise<Kernels> | undefined;

function loadWorkerKernels(): Promise<Kernels> {
  loaded ??= loadKernels();
  return loaded;
}
