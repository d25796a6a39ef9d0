// Valid llama2.c models of every version, with tied and own output weights.

import { llama2cBytes, SIZES } from '../../fixtures/writeLlama2c.ts';
import type { Seed } from '../seeds.ts';

export function llama2cSeeds(): Seed[] {
  return ([0, 1, 2] as const).map((version) => ({
    files: { 'model.bin': llama2cBytes({ ...SIZES, layers: 2, version }) },
    open: 'model.bin',
  }));
}
