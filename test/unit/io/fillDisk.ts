// Child of diskFull.test.ts: writes to a tiny file system until it is full and prints what happened.

import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isQuantscopeError } from '../../../core/base/errors.ts';
import { createAtomicFile } from '../../../core/io/atomicFile.ts';

const folder = process.argv[2] ?? '';
const path = join(folder, 'out.gguf');
writeFileSync(path, 'old');
const file = await createAtomicFile(path);
let failure: { code: string; message: string } | null = null;
try {
  for (let block = 0; block < 100; block++) await file.write(new Uint8Array(65_536));
} catch (error) {
  if (!isQuantscopeError(error)) throw error;
  failure = { code: error.code, message: error.message };
}
console.log(JSON.stringify({ failure, left: readdirSync(folder) }));
