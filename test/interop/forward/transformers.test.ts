// Our forward pass and transformers' on the same models: the checked-in ones, and others made on the spot.

import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import {
  GOLDEN_FOLDER,
  goldenModel,
  goldenNames,
  readLogits,
  relativeError,
} from '../../fixtures/forward/goldenModels.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { testPool } from '../../unit/export/exportFixtures.ts';
import { logitsOf } from '../../unit/forward/logitsOf.ts';
import { referencePython } from '../readers/python.ts';

const SCRIPT = fileURLToPath(new URL('tinyModels.py', import.meta.url));
const SCRIPT_MS = 280_000;
const TOLERANCE = 1e-4;
const folder = temporaryFolder();
const pool = testPool();
afterAll(() => pool.close());
const found = referencePython(['numpy', 'safetensors', 'torch', 'transformers']);

function run(...args: string[]): void {
  if ('reason' in found) return;
  const { status, stderr } = spawnSync(found.python, [SCRIPT, ...args], { encoding: 'utf8', timeout: SCRIPT_MS });
  expect(status, stderr).toBe(0);
}

describe.skipIf('reason' in found)('transformers', () => {
  it('still computes the golden logits', () => {
    const out = join(folder, 'again');
    mkdirSync(out);
    run('logits', GOLDEN_FOLDER, out);
    for (const name of goldenNames())
      expect(relativeError(readLogits(join(out, `${name}.f32`)), goldenModel(name).logits), name).toBeLessThan(
        TOLERANCE,
      );
  });

  it('agrees with us on other weights and tokens', async () => {
    const other = join(folder, 'other');
    run('make', other, 'other');
    for (const name of goldenNames()) {
      const { path, tokens, logits } = goldenModel(name, other);
      expect(relativeError(await logitsOf(path, tokens, pool), logits), name).toBeLessThan(TOLERANCE);
    }
  });
});
