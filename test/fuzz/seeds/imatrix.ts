// Valid legacy importance matrices, with and without their calibration text.

import { type FixtureEntry, imatrixBytes } from '../../fixtures/writeImatrix.ts';
import type { Seed } from '../seeds.ts';

const entries: readonly FixtureEntry[] = [
  { name: 'blk.0.ffn_up.weight', calls: 3, values: [1, 2, 3, 4, 5, 6, 7, 8] },
  { name: 'blk.0.ffn_down_exps.weight', calls: 6, values: [0, 0.5, 2, 1e-9, 3, 1] },
  { name: 'output.weight', calls: 0, values: [1, 1] },
];

export function imatrixSeeds(): Seed[] {
  const files = [imatrixBytes(entries), imatrixBytes(entries, { chunks: 3, dataset: 'calibration.txt' })];
  return files.map((bytes) => ({ files: { 'imatrix.dat': new Uint8Array(bytes) }, open: 'imatrix.dat' }));
}
