// Writes test/fixtures/golden/decode.json: what the real ggml makes of random blocks of every type it can dequantize.
// Run: node test/interop/ggml/goldenDecode.ts

import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { type DType, dtypeInfo } from '../../../core/tensor/dtype.ts';
import { randomBlocks } from '../../fixtures/randomBlocks.ts';
import { loadOracle } from './oracle.ts';

/** Every entry of the largest codebook (2,048 points) is drawn, and every bit of every field. */
const BLOCKS = 1024;
const TYPES: readonly DType[] = [
  'F16',
  'BF16',
  'Q4_0',
  'Q4_1',
  'Q5_0',
  'Q5_1',
  'Q8_0',
  'Q2_K',
  'Q3_K',
  'Q4_K',
  'Q5_K',
  'Q6_K',
  'Q8_K',
  'IQ1_S',
  'IQ1_M',
  'IQ2_XXS',
  'IQ2_XS',
  'IQ2_S',
  'IQ3_XXS',
  'IQ3_S',
  'IQ4_NL',
  'IQ4_XS',
  'TQ1_0',
  'TQ2_0',
  'MXFP4',
  'NVFP4',
  'Q1_0',
  'Q2_0',
];

const oracle = loadOracle();
if (oracle === null) throw new Error('the golden values come from the real library only');
const types = TYPES.map((dtype, i) => {
  const seed = 1000 + i;
  const bytes = randomBlocks(dtype, BLOCKS, seed);
  const values = oracle.dequantize(dtype, bytes, BLOCKS * dtypeInfo(dtype).blockElements);
  // NaN of plain halves: their payload is no part of the contract.
  for (let j = 0; j < values.length; j++) if (Number.isNaN(values[j])) values[j] = NaN;
  const sha256 = createHash('sha256').update(new Uint8Array(values.buffer)).digest('hex');
  return { dtype, seed, blocks: BLOCKS, sha256, first: Array.from(values.slice(0, 8), String) };
});
const text = types.map((type) => `    ${JSON.stringify(type)}`).join(',\n');
writeFileSync(
  new URL('../../fixtures/golden/decode.json', import.meta.url),
  `{\n  "source": "ggml dequantize_row_*, llama.cpp build of node-llama-cpp 3.22.1",\n  "types": [\n${text}\n  ]\n}\n`,
);
