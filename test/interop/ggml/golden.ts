// Writes test/fixtures/golden/quantize.json: digests of what ggml itself makes of the seeded inputs.
// Run by hand after `npm ci` in test/interop: node test/interop/ggml/golden.ts

import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { GGUF_TARGETS, type GgufTarget } from '../../../core/quant/ggufTypes.ts';
import { dtypeInfo } from '../../../core/tensor/dtype.ts';
import {
  columnWeights,
  GOLDEN_COLUMNS,
  GOLDEN_ROWS,
  INPUT_NAMES,
  quantizerInput,
  WEIGHTINGS,
} from '../../fixtures/quantizerInputs.ts';
import { loadOracle } from './oracle.ts';

const ggml = loadOracle();
if (ggml === null) process.exit(1);

const cases = GGUF_TARGETS.flatMap((type) =>
  WEIGHTINGS.flatMap((weighting) =>
    INPUT_NAMES.map((input) => {
      const src = quantizerInput(input);
      const { ggml: id, blockBytes } = dtypeInfo(type);
      if (id === undefined) throw new Error(`${type} has no ggml id`);
      const bytes = ggml.quantizeChunk(id, src, GOLDEN_ROWS, GOLDEN_COLUMNS, columnWeights(weighting));
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      const shown =
        input === 'gaussian' ? { firstBlock: Buffer.from(bytes.subarray(0, blockBytes)).toString('hex') } : {};
      return { type: type satisfies GgufTarget, weighting, input, sha256, ...shown };
    }),
  ),
);

const folder = new URL('../../fixtures/golden/', import.meta.url);
mkdirSync(folder, { recursive: true });
const head = {
  made: 'ggml_quantize_chunk of @node-llama-cpp/linux-x64 3.22.1',
  rows: GOLDEN_ROWS,
  columns: GOLDEN_COLUMNS,
};
const lines = cases.map((one) => JSON.stringify(one)).join(',\n');
writeFileSync(new URL('quantize.json', folder), `${JSON.stringify(head).slice(0, -1)},"cases":[\n${lines}\n]}\n`);
console.log(`${cases.length} cases`);
