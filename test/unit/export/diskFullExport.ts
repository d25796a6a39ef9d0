// Run on a tiny disk by diskFull.test.ts: exports once while a stranger fills the disk, once with too little room from the start.

import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { toFailure } from '../../../core/base/errors.ts';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { runExport } from '../../../core/export/runExport.ts';
import { createPool } from '../../../core/kernels/pool.ts';
import { allOf } from './plans.ts';

const [, , folder = ''] = process.argv;
const checkpoint = await openCheckpoint(fileURLToPath(new URL('../../fixtures/sample-llama', import.meta.url)));
const pool = createPool(new URL('../../../core/engine/worker.ts', import.meta.url), 1);
const attempt = async (filling: boolean) => {
  let filled = !filling;
  const onProgress = (): void => {
    if (!filled) writeFileSync(join(folder, 'stranger'), new Uint8Array(3_000_000));
    filled = true;
  };
  const input = { checkpoint, plan: allOf(checkpoint, 'Q8_0'), output: join(folder, 'model.gguf'), overwrite: false };
  const failure = await runExport('gguf', input, { pool, onProgress }).then(() => null, toFailure);
  return { failure, left: readdirSync(folder) };
};
const during = await attempt(true);
console.log(JSON.stringify({ during, before: await attempt(false) }));
await pool.close();
