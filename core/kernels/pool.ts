// A pool of worker threads, each with its own kernels. Generic: what a task does is registered by the worker's file.

import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { cancelled } from '../base/cancellation.ts';
import { type ErrorCode, type Failure, QuantscopeError } from '../base/errors.ts';

export interface Pool {
  readonly threads: number;
  /** Runs a registered task on the next free worker. Aborting `signal` drops it, or flags it if it already runs. */
  run<Output>(task: string, input: unknown, options?: RunOptions): Promise<Output>;
  close(): Promise<void>;
}

export interface RunOptions {
  signal?: AbortSignal | undefined;
  onProgress?: ((value: number) => void) | undefined;
  transfer?: ArrayBuffer[];
}

/** Messages between pool and worker. */
export interface TaskRequest {
  readonly task: string;
  readonly input: unknown;
  /** One Int32: non-zero once the task is to stop. */
  readonly stop: SharedArrayBuffer;
}

export type TaskReply = { output: unknown } | { failure: Failure } | { progress: number };

interface Job {
  readonly request: TaskRequest;
  readonly options: RunOptions;
  resolve(output: unknown): void;
  reject(error: unknown): void;
}

/** @param workerUrl a module that calls `serveTasks`. */
export function createPool(workerUrl: URL, threads = availableParallelism()): Pool {
  const waiting: Job[] = [];
  const idle: Worker[] = [];
  const busy = new Map<Worker, Job>();
  let closed = false;

  const spawn = (): Worker => {
    const worker = new Worker(workerUrl);
    worker.unref();
    worker.on('message', (reply: TaskReply) => settle(worker, reply));
    worker.on('error', (error) => lost(worker, error));
    worker.on('exit', () => lost(worker, new Error('worker thread ended')));
    return worker;
  };

  const start = (): void => {
    while (waiting.length > 0 && busy.size < threads) {
      const job = waiting.shift();
      if (job === undefined) return;
      const worker = idle.pop() ?? spawn();
      busy.set(worker, job);
      worker.ref();
      worker.postMessage(job.request, job.options.transfer ?? []);
    }
  };

  const release = (worker: Worker): Job | undefined => {
    const job = busy.get(worker);
    busy.delete(worker);
    return job;
  };

  const settle = (worker: Worker, reply: TaskReply): void => {
    if ('progress' in reply) {
      busy.get(worker)?.options.onProgress?.(reply.progress);
      return;
    }
    const job = release(worker);
    worker.unref();
    idle.push(worker);
    if (job !== undefined) {
      if ('failure' in reply) job.reject(new QuantscopeError(reply.failure.code as ErrorCode, reply.failure.message));
      else job.resolve(reply.output);
    }
    start();
  };

  const lost = (worker: Worker, cause: Error): void => {
    const at = idle.indexOf(worker);
    if (at >= 0) idle.splice(at, 1);
    release(worker)?.reject(new QuantscopeError('INTERNAL', `a worker thread failed: ${cause.message}`, { cause }));
    if (!closed) start();
  };

  return {
    threads,
    run<Output>(task: string, input: unknown, options: RunOptions = {}): Promise<Output> {
      const { signal } = options;
      return new Promise<Output>((resolve, reject) => {
        if (signal?.aborted) return reject(cancelled(task));
        const request: TaskRequest = { task, input, stop: new SharedArrayBuffer(4) };
        const stop = (): void => {
          Atomics.store(new Int32Array(request.stop), 0, 1);
          const at = waiting.indexOf(job);
          if (at >= 0) waiting.splice(at, 1);
          reject(cancelled(task));
        };
        const done = (): void => signal?.removeEventListener('abort', stop);
        const job: Job = {
          request,
          options,
          resolve: (output) => {
            done();
            resolve(output as Output); // the worker's registered task has this output type
          },
          reject: (error) => {
            done();
            reject(error);
          },
        };
        signal?.addEventListener('abort', stop, { once: true });
        waiting.push(job);
        start();
      });
    },
    async close() {
      closed = true;
      await Promise.all([...idle, ...busy.keys()].map((worker) => worker.terminate()));
    },
  };
}
