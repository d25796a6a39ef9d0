// K quantizers beyond the table of quantize.test.ts: weights shared by rows, values at the edge of rounding, non-finite input.

import { beforeAll, describe, expect, it } from 'vitest';
import { encodeFromF32 } from '../../core/kernels/encode.ts';
import { REFERENCE_QUANTIZERS } from '../../core/kernels/reference/quantizers.ts';
import { type Kernels, loadKernels } from '../../core/kernels/wasm.ts';
import { targetBytes } from '../../core/quant/ggufTypes.ts';
import { dtypeInfo } from '../../core/tensor/dtype.ts';
import { EDGES, type EdgeValue, edgeMatrix, wrappedScale } from '../fixtures/quantizerEdges.ts';
import { uniforms } from '../fixtures/quantizerInputs.ts';
import { loadOracle } from '../interop/ggml/oracle.ts';

const TYPES = ['Q2_K', 'Q3_K', 'Q4_K', 'Q5_K', 'Q6_K'] as const;
type KType = (typeof TYPES)[number];
const ROWS = 3;
const COLUMNS = 768;

const oracle = loadOracle();
let kernels: Kernels;
beforeAll(async () => {
  kernels = await loadKernels();
});

function encode(type: KType, src: Float32Array, rows: number, columns: number, weights: Float32Array | null) {
  const { arena } = kernels;
  const bytes = targetBytes(type, rows, columns);
  return arena.scoped(() => {
    const from = arena.alloc(src.byteLength);
    const to = arena.alloc(bytes + 1) + 1; // blocks need no alignment
    const importance = weights === null ? 0 : arena.alloc(weights.byteLength);
    arena.f32(from, src.length).set(src);
    if (weights !== null) arena.f32(importance, weights.length).set(weights);
    arena.u8(to, bytes).fill(0xa5);
    encodeFromF32(kernels, type, from, to, rows, columns, importance);
    return arena.u8(to, bytes).slice();
  });
}

function importance(seed: number): Float32Array {
  const next = uniforms(seed);
  return Float32Array.from({ length: COLUMNS }, () => {
    const u = next();
    return u < 0.1 ? 0 : 10 * u * u * u;
  });
}

const matrix = (value: EdgeValue): Float32Array => edgeMatrix(value, ROWS * COLUMNS);

describe.each(TYPES)('%s', (type) => {
  const reference = REFERENCE_QUANTIZERS[type];

  it.each(Object.entries(EDGES))('%s: kernel, reference and ggml agree', (_, value) => {
    const src = matrix(value);
    for (const weights of [null, importance(1)]) {
      const expected = reference(src, ROWS, COLUMNS, weights);
      expect(encode(type, src, ROWS, COLUMNS, weights)).toEqual(expected);
      if (oracle !== null) {
        expect(oracle.quantizeChunk(dtypeInfo(type).ggml ?? -1, src, ROWS, COLUMNS, weights)).toEqual(expected);
      }
    }
  });

  it('applies one weight per column to every row', () => {
    const src = matrix((_, g) => 0.02 * g());
    const weights = importance(2);
    const together = encode(type, src, ROWS, COLUMNS, weights);
    const bytes = targetBytes(type, 1, COLUMNS);
    for (let row = 0; row < ROWS; row++) {
      const alone = encode(type, src.slice(row * COLUMNS, (row + 1) * COLUMNS), 1, COLUMNS, weights);
      expect(together.subarray(row * bytes, (row + 1) * bytes)).toEqual(alone);
    }
    expect(together).not.toEqual(encode(type, src, ROWS, COLUMNS, null));
    expect(together).not.toEqual(encode(type, src, ROWS, COLUMNS, importance(3)));
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('ends on %s', (special) => {
    const src = matrix((i, g) => (i % 100 === 3 ? special : g()));
    for (const weights of [null, importance(4)]) {
      const [first, second] = [1, 2].map(() => encode(type, src, ROWS, COLUMNS, weights));
      expect(first).toEqual(second);
    }
  });
});

describe.each(['Q4_K', 'Q5_K'] as const)('%s', (type) => {
  it('packs a wrapped scale code as ggml does', () => {
    const { values: src, weights } = wrappedScale(type);
    const expected = REFERENCE_QUANTIZERS[type](src, 1, 256, weights);
    expect((expected[5] ?? 0) & 63).toBe(63);
    expect(encode(type, src, 1, 256, weights)).toEqual(expected);
    if (oracle !== null) {
      expect(oracle.quantizeChunk(dtypeInfo(type).ggml ?? -1, src, 1, 256, weights)).toEqual(expected);
    }
  });
});
