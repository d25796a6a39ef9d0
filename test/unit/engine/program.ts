// Runs the engine's program from source, as a user's shell or the editor would.

import { type ChildProcess, fork, spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  createMessageConnection,
  IPCMessageReader,
  IPCMessageWriter,
  type MessageConnection,
} from 'vscode-jsonrpc/node';

const MAIN = fileURLToPath(new URL('../../../core/engine/main.ts', import.meta.url));
export const SAMPLE = fileURLToPath(new URL('../../fixtures/sample-llama', import.meta.url));

/** Nothing remembered from an earlier run may make a test faster than a user's first time. */
const env = () => ({ ...process.env, QUANTSCOPE_CACHE: mkdtempSync(join(tmpdir(), 'quantscope-cache-')) });

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
