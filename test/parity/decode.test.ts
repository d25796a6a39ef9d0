// Decoders: WASM and its dispatch equal the TypeScript reference, and the reference equals the real ggml, bit for bit.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { canDecode, decodeToF32, REFERENCE_DECODERS } from '../../core/kernels/decode.ts';
import { type Kernels, loadKernels } from '../../core/kernels/wasm.ts';
import { DTYPE_NAMES, type DType, dtypeInfo, isDType } from '../../core/tensor/dtype.ts';
import { randomBlocks } from '../fixtures/randomBlocks.ts';

interface Golden {
  dtype: string;
  seed: number;
  blocks: number;
  sha256: string;
  first: string[];
}

const golden = JSON.parse(readFileSync(new URL('../fixtures/golden/decode.json', import.meta.url), 'utf8')) as {
  types: Golden[];
};
let kernels: Kernels;
beforeAll(async () => {
  kernels = await loadKernels();
});

function reference(dtype: DType, bytes: Uint8Array, elements: number): Float32Array {
  const out = new Float32Array(elements);
  const decode = REFERENCE_DECODERS[dtype];
  if (decode === undefined) throw new Error(`${dtype} has no reference`);
  decode(bytes, out);
  return out;
}

/** Through the arena, at an odd source address. */
function dispatched(dtype: DType, bytes: Uint8Array, elements: number): Float32Array {
  const { arena } = kernels;
  return arena.scoped(() => {
    const src = arena.alloc(bytes.length + 3) + 3;
    const dst = arena.alloc(elements * 4 + 16);
    arena.u8(src, bytes.length).set(bytes);
    arena.u8(dst, elements * 4 + 16).fill(0xa5);
    decodeToF32(kernels, dtype, src, dst, elements);
    expect(arena.u8(dst + elements * 4, 16).every((byte) => byte === 0xa5)).toBe(true);
    return arena.f32(dst, elements).slice();
  });
}

/** Bits, every NaN the same. */
function words(values: Float32Array): Uint32Array {
  const copy = values.slice();
  for (let i = 0; i < copy.length; i++) if (Number.isNaN(copy[i])) copy[i] = NaN;
  return new Uint32Array(copy.buffer);
}

function firstDifference(a: Float32Array, b: Float32Array): string | null {
  const [x, y] = [words(a), words(b)];
  const at = x.findIndex((word, i) => word !== y[i]);
  return at < 0 ? null : `element ${at}: ${a[at]} and ${b[at]}`;
}

describe('reference equals ggml', () => {
  it.each(golden.types)('$dtype', ({ dtype, seed, blocks, sha256, first }) => {
    if (!isDType(dtype)) throw new Error(dtype);
    const elements = blocks * dtypeInfo(dtype).blockElements;
    const values = reference(dtype, randomBlocks(dtype, blocks, seed), elements);
    expect(Array.from(values.slice(0, 8), String)).toEqual(first);
    expect(createHash('sha256').update(words(values)).digest('hex')).toBe(sha256);
  });
});

describe('dispatched decoder equals reference', () => {
  it.each(DTYPE_NAMES.filter((dtype) => REFERENCE_DECODERS[dtype] !== undefined))('%s', (dtype) => {
    // 77 blocks leave a tail in every vector loop.
    const elements = 77 * dtypeInfo(dtype).blockElements;
    const bytes = randomBlocks(dtype, 77, 7);
    expect(firstDifference(dispatched(dtype, bytes, elements), reference(dtype, bytes, elements))).toBeNull();
  });

  it.each(['F16', 'BF16'] as const)('%s on every bit pattern', (dtype) => {
    const bytes = new Uint8Array(Uint16Array.from({ length: 65536 }, (_, i) => i).buffer);
    expect(firstDifference(dispatched(dtype, bytes, 65536), reference(dtype, bytes, 65536))).toBeNull();
  });
});

describe('facts of the formats', () => {
  const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
  it('reads the OCP small floats', () => {
    expect([...reference('F8_E4M3', bytes(0x7e, 0x01, 0xb8), 3)]).toEqual([448, 2 ** -9, -1]);
    expect([...reference('F8_E4M3', bytes(0x7f), 1)]).toEqual([NaN]);
    expect([...reference('F8_E5M2', bytes(0x7b, 0xfc, 0x01), 3)]).toEqual([57344, -Infinity, 2 ** -16]);
    expect([...reference('F8_E4M3FNUZ', bytes(0x7f, 0x80, 0x01), 3)]).toEqual([240, NaN, 2 ** -10]);
    expect([...reference('F8_E5M2FNUZ', bytes(0x7f, 0x80, 0x81), 3)]).toEqual([57344, NaN, -(2 ** -17)]);
    expect([...reference('F8_E8M0', bytes(127, 0, 254), 3)]).toEqual([1, 2 ** -127, 2 ** 127]);
    expect([...reference('F4', bytes(0x10, 0xf7), 4)]).toEqual([0, 0.5, 6, -6]);
    expect([...reference('F6_E2M3', bytes(0x1f, 0x10, 0x02), 4)]).toEqual([7.5, 0, -0.125, 0]);
    expect([...reference('F6_E3M2', bytes(0x1f, 0, 0), 4)]).toEqual([28, 0, 0, 0]);
  });

  it('rounds 64-bit integers once', () => {
    const big = new Uint8Array(BigInt64Array.of((1n << 60n) + (1n << 36n) + 1n, -(2n ** 53n) - 1n).buffer);
    expect([...reference('I64', big, 2)]).toEqual([2 ** 60 + 2 ** 37, -(2 ** 53)]);
  });

  it('reads the plain integers and doubles of GGUF, little endian', () => {
    const of = (array: ArrayBufferView): Uint8Array => new Uint8Array(array.buffer as ArrayBuffer);
    expect([...reference('I8', of(Int8Array.of(-128, 127)), 2)]).toEqual([-128, 127]);
    expect([...reference('I16', of(Int16Array.of(-32768, 258)), 2)]).toEqual([-32768, 258]);
    expect([...reference('I32', of(Int32Array.of(-(2 ** 31), 16909060)), 2)]).toEqual([-(2 ** 31), 16909060]);
    expect([...reference('F64', of(Float64Array.of(-1.5, 2 ** 100)), 2)]).toEqual([-1.5, 2 ** 100]);
  });

  it('decodes everything but complex numbers; packed codes only with what their storage tells', () => {
    const kind = (dtype: DType): string => dtypeInfo(dtype).kind;
    expect(DTYPE_NAMES.filter((dtype) => !canDecode(dtype))).toEqual(DTYPE_NAMES.filter((d) => kind(d) === 'complex'));
    for (const dtype of DTYPE_NAMES.filter((d) => kind(d) === 'packed' || kind(d) === 'complex'))
      expect(() => decodeToF32(kernels, dtype, 0, 0, 8)).toThrow(expect.objectContaining({ code: 'DTYPE_UNKNOWN' }));
  });

  it('is compared with ggml for every block type ggml can dequantize', () => {
    const compared = golden.types.map(({ dtype }) => dtype);
    const blocks = DTYPE_NAMES.filter((dtype) => dtypeInfo(dtype).kind === 'block');
    expect(blocks.filter((dtype) => !compared.includes(dtype))).toEqual(['Q8_1']);
  });
});
