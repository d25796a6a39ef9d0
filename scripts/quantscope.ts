// `npm run --silent quantscope -- COMMAND`: the built command line, built first when that is needed.

import { spawnSync } from 'node:child_process';
import { buildIfStale } from './buildIfStale.ts';

buildIfStale(['kernels', 'host']);
const { status } = spawnSync(process.execPath, ['dist/engine.js', ...process.argv.slice(2)], {
  stdio: 'inherit',
  cwd: process.cwd(),
});
process.exitCode = status ?? 1;
