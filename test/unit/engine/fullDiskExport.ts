// Run on a tiny disk by badOutput.test.ts: one export through the command line, and what it leaves behind.

import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [, , folder = ''] = process.argv;
const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const plan = process.env.QUANTSCOPE_TEST_PLAN ?? '';
const args = ['export', file('../../fixtures/sample-llama'), '--plan', plan, '--format', 'gguf', '--json'];
const { status, stdout } = spawnSync(
  process.execPath,
  [file('../../../core/engine/main.ts'), ...args, '-o', join(folder, 'a.gguf')],
  { encoding: 'utf8' },
);
console.log(JSON.stringify({ code: status, answer: JSON.parse(stdout), left: readdirSync(folder) }));
