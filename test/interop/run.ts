// `npm run test:interop`: against real ggml, llama.cpp and Python readers, installed apart from the product.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { buildIfStale } from '../../scripts/buildIfStale.ts';
import { READER_PACKAGES, referencePython } from './readers/python.ts';

buildIfStale(['kernels', 'host']);
if (!existsSync('test/interop/node_modules')) {
  // Not `npm ci`: it wants every platform's binaries in the lock file, and only one is ever needed.
  const { status } = spawnSync('npm', ['install', '--no-save', '--omit=optional', '--ignore-scripts'], {
    cwd: 'test/interop',
    stdio: 'inherit',
  });
  if (status !== 0) console.log('skipped where llama.cpp is needed: its package could not be installed');
}
referencePython(READER_PACKAGES); // downloads take longer than tests may
if (process.env.QUANTSCOPE_TORCH === '1') referencePython(['torch']);
const { status } = spawnSync('vitest', ['run', '--config', 'test/interop/vitest.config.ts'], { stdio: 'inherit' });
process.exitCode = status ?? 1;
