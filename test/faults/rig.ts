// What the faults are put to: the built engine in a folder of its own, a model, a plan, and the bytes a direct export makes.

import { type ChildProcess, spawn } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SAMPLE = 'test/fixtures/sample-llama';

export interface Rig {
  /** Readable by everybody. */
  readonly folder: string;
  readonly model: string;
  readonly plan: string;
  /** Of a direct export. */
  readonly expected: Uint8Array;
  /** Milliseconds a job takes undisturbed. */
  readonly jobMs: number;
  readonly engine: string;
  readonly env: NodeJS.ProcessEnv;
  dispose(): void;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Options {
  readonly env?: NodeJS.ProcessEnv;
  /** Who runs it; root is bound by no permission. */
  readonly uid?: number;
}

export async function prepareRig(): Promise<Rig> {
  const folder = mkdtempSync(join(tmpdir(), 'quantscope faults '));
  chmodSync(folder, 0o777);
  const program = join(folder, 'program');
  mkdirSync(program);
  for (const file of ['engine.js', 'worker.js', 'kernels.wasm']) copyFileSync(join('dist', file), join(program, file));
  writeFileSync(join(program, 'package.json'), '{"type":"module"}');
  const model = join(folder, 'model');
  cpSync(SAMPLE, model, { recursive: true });
  // A whole second, which every file system can give back.
  utimesSync(join(model, 'model.safetensors'), 1_700_000_000, 1_700_000_000);
  for (const name of ['state', 'cache']) {
    mkdirSync(join(folder, name));
    chmodSync(join(folder, name), 0o777);
  }
  const rig = {
    folder,
    model,
    plan: join(folder, 'model.quantplan.json'),
    engine: join(program, 'engine.js'),
    env: { ...process.env, QUANTSCOPE_STATE: join(folder, 'state'), QUANTSCOPE_CACHE: join(folder, 'cache') },
    expected: new Uint8Array(),
    jobMs: 0,
    dispose: () => removeJob(folder),
  };
  await succeed(rig, ['plan', model, '--target-bpw', '5', '-o', rig.plan]);
  const direct = join(folder, 'direct.gguf');
  await succeed(rig, ['export', model, '--plan', rig.plan, '--format', 'gguf', '-o', direct]);
  let jobMs = Number.POSITIVE_INFINITY;
  // The first of them warms the machine up.
  for (const name of ['undisturbed', 'undisturbed again']) {
    const began = performance.now();
    await succeed(rig, ['job', 'run', ...wish(rig, join(folder, name))]);
    jobMs = Math.min(jobMs, performance.now() - began);
  }
  return { ...rig, expected: readFileSync(direct), jobMs };
}

/** A process that is just ending may still write there. */
export function removeJob(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
}

/** Arguments that make a job. */
export function wish({ model, plan }: Pick<Rig, 'model' | 'plan'>, folder: string): string[] {
  return [model, '--plan', plan, '--format', 'gguf', '-o', folder, '--name', 'model.gguf'];
}

/** The command line in a process of its own. */
export function start({ engine, env }: Rig, args: readonly string[], options: Options = {}): ChildProcess {
  return spawn(process.execPath, [engine, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...env, ...options.env },
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  });
}

export function ended(child: ChildProcess): Promise<Ended> {
  return new Promise((done, reject) => {
    let [stdout, stderr] = ['', ''];
    child.stdout?.on('data', (chunk: Buffer) => {
      stdout += chunk;
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      stderr += chunk;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => done({ code, signal, stdout, stderr }));
  });
}

export function quantscope(rig: Rig, args: readonly string[], options?: Options): Promise<Ended> {
  return ended(start(rig, args, options));
}

/** @throws Error with what was printed, unless it ends well */
export async function succeed(rig: Rig, args: readonly string[], options?: Options): Promise<string> {
  const { code, stdout, stderr } = await quantscope(rig, args, options);
  if (code !== 0) throw new Error(`${args.slice(0, 2).join(' ')} ended with ${code}: ${stderr}${stdout}`);
  return stdout;
}

/** @returns the code of the failure. @throws Error when it did not fail */
export async function failureOf(rig: Rig, args: readonly string[], options?: Options): Promise<string> {
  const { code, stdout, stderr } = await quantscope(rig, [...args, '--json'], options);
  if (code !== 1) throw new Error(`${args.slice(0, 2).join(' ')} ended with ${code}: ${stderr}${stdout}`);
  return (JSON.parse(stdout) as { error: { code: string } }).error.code;
}

export async function stateOf(rig: Rig, folder: string, options?: Options): Promise<string> {
  const { stdout, stderr } = await quantscope(rig, ['job', 'status', folder, '--json'], options);
  try {
    return (JSON.parse(stdout) as { state: string }).state;
  } catch {
    throw new Error(`job status: ${stderr}${stdout}`);
  }
}
