// Quantizers: WASM kernels equal the TypeScript reference, and both equal the real ggml, bit for bit.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { encodeFromF32 } from '../../core/kernels/encode.ts';
import { quantizeIQ4_NLRef } from '../../core/kernels/reference/quantizeIq4.ts';
import { REFERENCE_QUANTIZERS } from '../../core/kernels/reference/quantizers.ts';
import { type Kernels, loadKernels } from '../../core/kernels/wasm.ts';
import { GGUF_TARGETS, type GgufTarget, targetBytes } from '../../core/quant/ggufTypes.ts';
import { dtypeInfo } from '../../core/tensor/dtype.ts';
import {
  columnWeights,
  GOLDEN_COLUMNS,
  GOLDEN_ROWS,
  INPUT_NAMES,
  type InputName,
  mixedMagnitudes,
  quantizerInput,
  WEIGHTINGS,
  type Weighting,
} from '../fixtures/quantizerInputs.ts';
import { loadOracle } from '../interop/ggml/oracle.ts';

interface Golden {
  type: GgufTarget;
  weighting: Weighting;
  input: InputName;
  sha256: string;
  firstBlock?: string;
}

const golden = JSON.parse(readFileSync(new URL('../fixtures/golden/quantize.json', import.meta.url), 'utf8')) as {
  rows: number;
  columns: number;
  cases: Golden[];
};
const GUARD_BYTES = 64;

const ggml = loadOracle();
let kernels: Kernels;
beforeAll(async () => {
  kernels = await loadKernels();
});

/** Through the arena; fails when a kernel writes beyond its output. */
function quantize(
  type: GgufTarget,
  src: Float32Array,
  rows: number,
  columns: number,
  weights: Float32Array | null,
): Uint8Array {
  const { arena } = kernels;
  return arena.scoped(() => {
    const bytes = targetBytes(type, rows, columns);
    const from = arena.alloc(src.byteLength);
    const to = arena.alloc(bytes + 2 * GUARD_BYTES);
    const weightsAt = weights === null ? 0 : arena.alloc(weights.byteLength);
    arena.f32(from, src.length).set(src);
    if (weights !== null) arena.f32(weightsAt, weights.length).set(weights);
    arena.u8(to, bytes + 2 * GUARD_BYTES).fill(0xa5);
    encodeFromF32(kernels, type, from, to + GUARD_BYTES, rows, columns, weightsAt);
    for (const guard of [to, to + GUARD_BYTES + bytes])
      expect(arena.u8(guard, GUARD_BYTES).every((byte) => byte === 0xa5)).toBe(true);
    const before = new Uint8Array(src.buffer, src.byteOffset, src.byteLength);
    expect(Buffer.compare(arena.u8(from, src.byteLength), before)).toBe(0);
    return arena.u8(to + GUARD_BYTES, bytes).slice();
  });
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** null when equal; else where they part. */
function firstDifference(type: GgufTarget, a: Uint8Array, b: Uint8Array): string | null {
  if (a.length !== b.length) return `${a.length} and ${b.length} bytes`;
  if (Buffer.compare(a, b) === 0) return null;
  const at = a.findIndex((byte, i) => byte !== b[i]);
  const { blockBytes } = dtypeInfo(type);
  return `block ${Math.floor(at / blockBytes)}, byte ${at % blockBytes}: ${a[at]} and ${b[at]}`;
}

it('the golden digests are for these inputs', () => {
  expect([golden.rows, golden.columns]).toEqual([GOLDEN_ROWS, GOLDEN_COLUMNS]);
  expect(golden.cases.length).toBe(GGUF_TARGETS.length * WEIGHTINGS.length * INPUT_NAMES.length);
});

describe.each(GGUF_TARGETS)('%s', (type) => {
  const cases = golden.cases.filter((one) => one.type === type);

  it.each(cases)('$input, weights $weighting: WASM, reference and ggml agree', ({ input, weighting, ...expected }) => {
    const src = quantizerInput(input);
    const weights = columnWeights(weighting);
    const reference = REFERENCE_QUANTIZERS[type](src, GOLDEN_ROWS, GOLDEN_COLUMNS, weights);
    const fast = quantize(type, src, GOLDEN_ROWS, GOLDEN_COLUMNS, weights);
    if (expected.firstBlock !== undefined)
      expect(hex(fast.subarray(0, dtypeInfo(type).blockBytes))).toBe(expected.firstBlock);
    expect(firstDifference(type, fast, reference)).toBeNull();
    expect(sha256(fast)).toBe(expected.sha256);
  });

  it('equals the reference on narrow and odd shapes', () => {
    const { blockElements } = dtypeInfo(type);
    for (const blocks of [1, 2, 3, 5, 7]) {
      const columns = blockElements === 1 ? blocks : blocks * blockElements;
      const src = quantizerInput('heavyTailed', 3 * columns, blocks);
      for (const weighting of WEIGHTINGS) {
        const weights = columnWeights(weighting, columns, blocks);
        const fast = quantize(type, src, 3, columns, weights);
        expect(firstDifference(type, fast, REFERENCE_QUANTIZERS[type](src, 3, columns, weights))).toBeNull();
      }
    }
  });

  it('equals the reference, and ggml where it is installed, from subnormal to nearly overflowing', () => {
    for (let seed = 0; seed < 12; seed++) {
      const src = mixedMagnitudes(seed, 2048);
      for (const weighting of WEIGHTINGS) {
        const weights = columnWeights(weighting, 1024, seed);
        const fast = quantize(type, src, 2, 1024, weights);
        expect(
          firstDifference(type, fast, REFERENCE_QUANTIZERS[type](src, 2, 1024, weights)),
          `seed ${seed}`,
        ).toBeNull();
        const theirs = ggml?.quantizeChunk(dtypeInfo(type).ggml ?? -1, src, 2, 1024, weights) ?? fast;
        expect(firstDifference(type, fast, theirs), `seed ${seed}`).toBeNull();
      }
    }
  });

  it('stays inside its output whatever it is given', () => {
    for (const poison of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 3.4e38, -3.4e38]) {
      for (const weighting of WEIGHTINGS) {
        const src = quantizerInput('gaussian', 512);
        for (let i = 5; i < src.length; i += 37) src[i] = poison;
        const bytes = quantize(type, src, 1, 512, columnWeights(weighting, 512)); // the guards are the assertion
        expect(bytes.length).toBe(targetBytes(type, 1, 512));
      }
    }
  });
});

describe.runIf(ggml !== null)('against the installed ggml', () => {
  it.each(GGUF_TARGETS)('%s: larger matrices', (type) => {
    const id = dtypeInfo(type).ggml ?? -1;
    for (let seed = 10; seed < 16; seed++) {
      const [rows, columns] = [5, 256 * (seed - 9)];
      for (const input of ['gaussian', 'heavyTailed', 'someZeroBlocks'] as const) {
        const src = quantizerInput(input, rows * columns, seed);
        for (const weighting of WEIGHTINGS) {
          const weights = columnWeights(weighting, columns, seed);
          const theirs = ggml?.quantizeChunk(id, src, rows, columns, weights) ?? new Uint8Array();
          expect(firstDifference(type, quantize(type, src, rows, columns, weights), theirs)).toBeNull();
        }
      }
    }
  });

  it('IQ4_NL: the reference of the run-time quantizer', () => {
    const src = quantizerInput('heavyTailed', 4096, 3);
    const theirs = ggml?.quantizeRowRef('IQ4_NL', src) ?? new Uint8Array();
    expect(firstDifference('IQ4_NL', quantizeIQ4_NLRef(src), theirs)).toBeNull();
  });

  it.each(['Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'Q8_0', 'F16', 'BF16'] as const)(
    '%s without weights is the row reference too',
    (type) => {
      const src = quantizerInput('heavyTailed', 4096, 4);
      const theirs = ggml?.quantizeRowRef(type, src) ?? new Uint8Array();
      expect(firstDifference(type, quantize(type, src, 1, 4096, null), theirs)).toBeNull();
    },
  );
});

it.each(['F16', 'BF16'] as const)('%s rounds every boundary to even', (type) => {
  // Around each value of the type: itself, the midpoint to the next, and the float32 neighbours of both.
  const words = new Uint32Array(0x7f80 * 2 * 6);
  const step = type === 'F16' ? 1 << 13 : 1 << 16;
  const [from, to] = type === 'F16' ? [0x32000000, 0x47900000] : [0, 0x7f7f0000];
  let count = 0;
  for (let word = from; word < to && count + 6 <= words.length; word += step)
    for (const offset of [-1, 0, 1]) {
      words[count++] = Math.max(0, word + offset);
      words[count++] = (word + step / 2 + offset) | 0x80000000;
    }
  const src = new Float32Array(words.buffer, 0, count);
  const fast = quantize(type, src, 1, count, null);
  expect(firstDifference(type, fast, REFERENCE_QUANTIZERS[type](src, 1, count, null))).toBeNull();
  const theirs = ggml?.quantizeRowRef(type, src) ?? fast;
  expect(firstDifference(type, fast, theirs)).toBeNull();
  expect(count).toBeGreaterThan(100_000);
});

it('a row that is not whole blocks is refused', () => {
  expect(() => encodeFromF32(kernels, 'Q4_0', 0, 0, 1, 48, 0)).toThrow(/Q4_0: rows of 48 elements/);
});
