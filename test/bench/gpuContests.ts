// What the GPU has kernels for that the processor has, too.

import { affineGrids } from '../../core/kernels/affineGrids.ts';
import { choleskyFactor } from '../../core/kernels/cholesky.ts';
import { decodeToF32 } from '../../core/kernels/decode.ts';
import { encodeFromF32 } from '../../core/kernels/encode.ts';
import { gpuAbsMax } from '../../core/kernels/gpu/absMax.ts';
import { gpuAffineGrids } from '../../core/kernels/gpu/affineGrids.ts';
import { gpuCholesky } from '../../core/kernels/gpu/cholesky.ts';
import { gpuDecode } from '../../core/kernels/gpu/decode.ts';
import type { Gpu } from '../../core/kernels/gpu/device.ts';
import { gpuEncode } from '../../core/kernels/gpu/encode.ts';
import { gpuMoments } from '../../core/kernels/gpu/moments.ts';
import type { Kernels } from '../../core/kernels/wasm.ts';
import { type GgufTarget, targetBytes } from '../../core/quant/ggufTypes.ts';
import { dampedHessian } from '../../core/quant/gptq/feedback.ts';
import { GPTQ_DEFAULTS, type QuantizedMatrix } from '../../core/quant/gptq/gptq.ts';
import { gptqOnGpu } from '../../core/quant/gptq/gptqGpu.ts';
import { gptqOnWasm } from '../../core/quant/gptq/gptqWasm.ts';
import { outputError } from '../../core/quant/gptq/outputError.ts';
import { decayingHessian } from '../fixtures/layers.ts';
import { columnWeights, quantizerInput } from '../fixtures/quantizerInputs.ts';
import type { Contest } from './contest.ts';

export interface Machines {
  readonly gpu: Gpu;
  readonly kernels: Kernels;
}

export interface Size {
  readonly rows: number;
  readonly columns: number;
}

const ELEMENTS = 'M elements/s';
const SAME_BYTES = 'same bytes';

function same(a: ArrayBufferView, b: ArrayBufferView): boolean {
  const bytes = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer =>
    Buffer.from(buffer, byteOffset, byteLength);
  return Buffer.compare(bytes(a), bytes(b)) === 0;
}

/** @param weighted with importance weights of columns: ggml has none in Q8_0 */
export function quantizing(
  { gpu, kernels }: Machines,
  { rows, columns }: Size,
  type: GgufTarget,
  weighted: boolean,
): Contest<Uint8Array> {
  const values = quantizerInput('gaussian', rows * columns);
  const weights = columnWeights(weighted ? 'plain' : 'none', columns);
  const { arena } = kernels;
  return {
    name: `quantize ${type}${weighted ? ', weighted' : ''}`,
    millions: values.length / 1e6,
    unit: ELEMENTS,
    aim: SAME_BYTES,
    onGpu: () => gpuEncode(gpu, type, values, columns, weights),
    onWasm: () =>
      arena.scoped(() => {
        const from = arena.alloc(values.byteLength);
        const size = targetBytes(type, rows, columns);
        const to = arena.alloc(size);
        arena.f32(from, values.length).set(values);
        const weightsAt = weights === null ? 0 : arena.alloc(weights.byteLength);
        if (weights !== null) arena.f32(weightsAt, columns).set(weights);
        encodeFromF32(kernels, type, from, to, rows, columns, weightsAt);
        return arena.u8(to, size).slice();
      }),
    agree: same,
  };
}

export function decoding({ gpu, kernels }: Machines, { rows, columns }: Size): Contest<Float32Array> {
  const stored = Uint8Array.from({ length: targetBytes('BF16', rows, columns) }, (_, i) => (i * 2654435761) >>> 24);
  const elements = rows * columns;
  const { arena } = kernels;
  return {
    name: 'decode BF16',
    millions: elements / 1e6,
    unit: ELEMENTS,
    aim: SAME_BYTES,
    onGpu: () => gpuDecode(gpu, 'BF16', stored),
    onWasm: () =>
      arena.scoped(() => {
        const from = arena.alloc(stored.length + 16);
        const to = arena.alloc(elements * 4);
        arena.u8(from, stored.length).set(stored);
        decodeToF32(kernels, 'BF16', from, to, elements);
        return arena.f32(to, elements).slice();
      }),
    agree: same,
  };
}

export function largestMagnitudes({ gpu, kernels }: Machines, { rows, columns }: Size): Contest<Float32Array> {
  const values = quantizerInput('gaussian', rows * columns);
  const group = 32;
  const cells = columns / group;
  const { arena, run } = kernels;
  return {
    name: 'absMax of 32',
    millions: values.length / 1e6,
    unit: ELEMENTS,
    aim: SAME_BYTES,
    onGpu: () => gpuAbsMax(gpu, values, group),
    onWasm: () =>
      arena.scoped(() => {
        const from = arena.alloc(values.byteLength + 16);
        const edges = arena.alloc((cells + 1) * 4);
        const largest = arena.alloc(rows * cells * 4);
        const places = arena.alloc(cells * 8);
        arena.f32(from, values.length).set(values);
        arena.u32(edges, cells + 1).set(Uint32Array.from({ length: cells + 1 }, (_, i) => i * group));
        for (let row = 0; row < rows; row++)
          run.extremesOfRow(from + row * columns * 4, edges, cells, row, largest + row * cells * 4, places, 1);
        return arena.f32(largest, rows * cells).map(Math.abs);
      }),
    agree: same,
  };
}

/** The kernel takes 512 columns and 128 rows at a time, as the statistics do. */
export function moments({ gpu, kernels }: Machines, { rows, columns }: Size): Contest<Float64Array> {
  const values = quantizerInput('gaussian', rows * columns);
  const { arena, run } = kernels;
  const [strip, tile] = [512, 128];
  return {
    name: 'moments of rows and columns',
    millions: values.length / 1e6,
    unit: ELEMENTS,
    aim: 'M2 of rows within 2^-14',
    onGpu: async () => (await gpuMoments(gpu, values, rows, columns)).rows,
    onWasm: () =>
      arena.scoped(() => {
        const from = arena.alloc(values.byteLength + 16);
        const rowState = arena.alloc(rows * 48);
        const columnState = arena.alloc(columns * 48);
        const scratch = arena.alloc(12352);
        arena.f32(from, values.length).set(values);
        arena.f64(rowState, rows * 6).fill(0);
        arena.f64(columnState, columns * 6).fill(0);
        for (let row = 0; row < rows; row += tile)
          for (let column = 0; column < columns; column += strip) {
            const [height, width] = [Math.min(tile, rows - row), Math.min(strip, columns - column)];
            const src = from + (row * columns + column) * 4;
            const state = columnState + column * 8;
            run.momentsF32(src, columns * 4, height, width, rowState + row * 48, state, columns * 8, scratch);
          }
        return arena.f64(rowState, rows * 6).slice();
      }),
    agree: (a, b) => a.every((x, i) => i % 6 !== 2 || Math.abs(x - (b[i] ?? Number.NaN)) <= 2 ** -14 * x),
  };
}

export function rangeSearch({ gpu, kernels }: Machines, { rows, columns }: Size): Contest<Float32Array> {
  const values = quantizerInput('gaussian', rows * columns);
  const kind = { bits: 4, symmetric: false, rangeSearch: true };
  return {
    name: 'range search, groups of 128',
    millions: values.length / 1e6,
    unit: ELEMENTS,
    aim: SAME_BYTES,
    onGpu: async () => (await gpuAffineGrids(gpu, values, 128, kind)).scales,
    onWasm: () => affineGrids(kernels, values, 128, kind).scales,
    agree: same,
  };
}

export function cholesky({ gpu, kernels }: Machines, { columns: n }: Size): Contest<Float64Array> {
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  const hessian = dampedHessian(decayingHessian(n), order, 0.01);
  return {
    name: `Cholesky factor of ${n} columns`,
    millions: n ** 3 / 3 / 1e6,
    unit: 'MFLOP/s',
    aim: 'within 2^-12',
    onGpu: async () => {
      const h = hessian.slice();
      await gpuCholesky(gpu, h, n);
      return h;
    },
    onWasm: () => {
      const h = hessian.slice();
      choleskyFactor(kernels, h, n);
      return h;
    },
    // Above the diagonal lies what was there.
    agree: (a, b) => a.every((x, i) => i % n > Math.floor(i / n) || Math.abs(x - (b[i] ?? Number.NaN)) <= 2 ** -12),
  };
}

export function gptq({ gpu, kernels }: Machines, { rows, columns }: Size): Contest<QuantizedMatrix> {
  const weights = { values: quantizerInput('gaussian', rows * columns), rows, columns };
  const hessian = decayingHessian(columns);
  const settings = { ...GPTQ_DEFAULTS, bits: 4, symmetric: false, groupSize: 128 };
  // Some rows stand for all: the error takes as long as GPTQ itself.
  const some = { values: weights.values.subarray(0, 16 * columns), rows: 16, columns };
  const error = ({ values }: QuantizedMatrix): number => outputError(some, values, hessian);
  return {
    name: 'GPTQ, groups of 128',
    millions: weights.values.length / 1e6,
    unit: ELEMENTS,
    aim: 'error ≤ 1.01 × the reference',
    onGpu: () => gptqOnGpu(gpu, weights, hessian, settings),
    onWasm: () => gptqOnWasm(kernels, weights, hessian, settings),
    agree: (a, b) => error(a) <= 1.01 * error(b),
  };
}
