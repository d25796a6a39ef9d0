// A Python with the reference readers: the one named by QUANTSCOPE_PYTHON, or a virtual environment of our own in the
// user's cache folder, made once and given packages as tests ask for them.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cacheRoot } from '../../../core/io/cacheFolder.ts';

export type ReferencePython = { readonly python: string } | { readonly reason: string };

/** What every test of a format needs; small wheels without further conditions. */
export const READER_PACKAGES: readonly string[] = ['numpy', 'ml_dtypes', 'safetensors', 'gguf', 'onnx', 'onnxruntime'];

const INSTALL_MS = 10 * 60_000;
const TORCH_INSTALL_MS = 40 * 60_000;
const CHECK_MS = 120_000;
/** Importing these imports PyTorch. */
const NEED_TORCH = new Set(['torch', 'compressed-tensors', 'gptqmodel', 'autoawq', 'bitsandbytes', 'hqq', 'torchao']);
/** The registry's Linux wheel for x86-64 is the CUDA build, and it does not import without its CUDA libraries. */
const TORCH_IS_LARGE = process.platform === 'linux' && process.arch === 'x64';
const TORCH_SIZE = '2.7 GB (the CUDA build and its libraries)';

const answers = new Map<string, ReferencePython>();

/**
 * Finds or makes an interpreter that imports all of `packages`; prints progress, and the reason when there is none.
 * PyTorch is only downloaded where its wheel is small or QUANTSCOPE_TORCH=1 asks for it. Blocks while installing.
 *
 * @param packages names as pip takes them: "numpy", "compressed-tensors"
 */
export function referencePython(packages: readonly string[]): ReferencePython {
  const key = packages.join(' ');
  const answer = answers.get(key) ?? find(packages);
  if (!answers.has(key) && 'reason' in answer) console.log(`skipped: ${answer.reason}`);
  answers.set(key, answer);
  return answer;
}

function find(packages: readonly string[]): ReferencePython {
  const chosen = process.env.QUANTSCOPE_PYTHON;
  if (chosen) {
    const missing = missingFrom(chosen, packages);
    if (missing === null) return { reason: `QUANTSCOPE_PYTHON (${chosen}) does not run` };
    if (missing.length === 0) return { python: chosen };
    return { reason: `QUANTSCOPE_PYTHON (${chosen}) cannot import ${missing.join(', ')}` };
  }
  const folder = join(cacheRoot(), 'reference-python');
  const python = process.platform === 'win32' ? join(folder, 'Scripts', 'python.exe') : join(folder, 'bin', 'python');
  if (missingFrom(python, packages)?.length === 0) return { python };
  return locked(`${folder}.lock`, () => prepare(folder, python, packages));
}

function prepare(folder: string, python: string, packages: readonly string[]): ReferencePython {
  let missing = missingFrom(python, packages);
  if (missing === null) {
    console.log(`making a Python environment for reference readers in ${folder}`);
    rmSync(folder, { recursive: true, force: true }); // its interpreter may be gone since
    const error = run('python3', ['-m', 'venv', folder], CHECK_MS) ?? run('python', ['-m', 'venv', folder], CHECK_MS);
    if (error !== null) return { reason: `no Python environment for reference readers: ${error}` };
    missing = packages;
  }
  const torch = missing.some((name) => NEED_TORCH.has(name)) && missingFrom(python, ['torch'])?.length !== 0;
  if (torch && TORCH_IS_LARGE && process.env.QUANTSCOPE_TORCH !== '1') {
    const choices = 'set QUANTSCOPE_TORCH=1 to install it, or QUANTSCOPE_PYTHON to an interpreter that has it';
    return { reason: `${missing.join(', ')}: PyTorch is a download of ${TORCH_SIZE} here; ${choices}` };
  }
  console.log(`installing ${missing.join(' ')} for reference readers`);
  const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--only-binary', ':all:'];
  const error = run(python, [...install, ...missing], torch ? TORCH_INSTALL_MS : INSTALL_MS);
  if (error !== null) return { reason: `${missing.join(' ')} could not be installed: ${error}` };
  const still = missingFrom(python, packages);
  if (still?.length === 0) return { python };
  return { reason: `${still?.join(', ') ?? python} installed, but does not import` };
}

/** Packages that `python` cannot import, or null when it does not run at all. */
function missingFrom(python: string, packages: readonly string[]): readonly string[] | null {
  const script = [
    'import importlib, sys',
    'for name in sys.argv[1:]:',
    '    try: importlib.import_module(name.replace("-", "_"))',
    '    except Exception: print(name)',
  ].join('\n');
  const { status, stdout } = spawnSync(python, ['-c', script, ...packages], { encoding: 'utf8', timeout: CHECK_MS });
  return status === 0 ? stdout.split(/\s+/).filter((name) => packages.includes(name)) : null;
}

/** @returns the last line it had to say when it failed, or null */
function run(command: string, args: readonly string[], timeout: number): string | null {
  const { status, error, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    timeout,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  if (error !== undefined) return error.message;
  return status === 0 ? null : (stderr.trim().split('\n').at(-1) ?? `${command} ended with ${status}`);
}

/** One process at a time changes the environment; a lock older than any install was left by one that died. */
function locked(lock: string, body: () => ReferencePython): ReferencePython {
  mkdirSync(dirname(lock), { recursive: true });
  const deadline = Date.now() + TORCH_INSTALL_MS;
  while (!tryLock(lock)) {
    if (Date.now() > deadline) return { reason: `another process keeps ${lock}` };
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
  }
  try {
    return body();
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

function tryLock(lock: string): boolean {
  try {
    mkdirSync(lock);
    return true;
  } catch {
    const age = existsSync(lock) ? Date.now() - statSync(lock).mtimeMs : 0;
    if (age > TORCH_INSTALL_MS) rmSync(lock, { recursive: true, force: true });
    return false;
  }
}
