// Runs the engine's program from source, as a user's shell or the editor would.

import { type ChildProcess, fork, spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  createMessageConnection,
  IPCMessageReader,
  IPCMessageWriter,
  type MessageConnection,
  ResponseError,
} from 'vscode-jsonrpc/node';
import { ENGINE_CALLS } from '../../../core/protocol/calls.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';

const MAIN = fileURLToPath(new URL('../../../core/engine/main.ts', import.meta.url));
export const SAMPLE = fileURLToPath(new URL('../../fixtures/sample-llama', import.meta.url));

const caches = temporaryFolder();

/** Nothing remembered from an earlier run may make a test faster than a user's first time. */
const env = () => ({ ...process.env, QUANTSCOPE_CACHE: mkdtempSync(join(caches, 'cache-')) });

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function quantscope(args: readonly string[], onStart: (child: ChildProcess) => void = () => {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: env() });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
    onStart(child);
  });
}

export interface Engine extends AsyncDisposable {
  readonly connection: MessageConnection;
}

export function startEngine(): Engine {
  const child = fork(MAIN, ['rpc'], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: env(),
  });
  const connection = createMessageConnection(new IPCMessageReader(child), new IPCMessageWriter(child));
  connection.listen();
  return {
    connection,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve());
        connection.dispose();
        child.disconnect();
      }),
  };
}

/** What a call came to: its result, or the coded failure. */
export async function outcomeOf(call: Promise<unknown>): Promise<unknown> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof ResponseError) return error.data;
    throw error;
  }
}

/** Sensitivity, then the cheapest plan with these choices. */
export async function planOf(
  { connection }: Engine,
  model: number,
  choices: readonly string[],
): Promise<{ solution: { tensors: Record<string, { type: string }> } }> {
  await connection.sendRequest('sensitivity', { model });
  const request = { targetBytes: 1e12, choices, locks: [], pins: [], minimums: [] };
  const { solveMs: _, ...solution } = ENGINE_CALLS.solve.result.parse(
    await connection.sendRequest('solve', { model, request }),
  );
  return {
    kind: 'quantscope.plan',
    version: 1,
    model: { name: 'model', fingerprint: 'test' },
    request,
    solution,
  } as { solution: { tensors: Record<string, { type: string }> } };
}
