// Weights of onnxruntime's MatMulBnb4: bitsandbytes' tables of 16 values, one scale per block of the flattened weight.

import { codeMatrix, grouped } from '../../tensor/packing.ts';
import type { QuantizedWeight, Unbuilt } from './affineWeight.ts';
import { type Locate, matrixOf } from './parts.ts';
import type { TensorRecord } from './tensorProto.ts';

/** onnxruntime core/mlas blockwise_quant_block_bnb4.h; 0 is FP4, 1 is NF4 (Dettmers et al. 2023, arXiv:2305.14314). */
const FP4_POSITIVE = [0, 5.208333333e-3, 0.66666667, 1, 0.33333333, 0.5, 0.16666667, 0.25];
const QUANT_TYPES = [
  { dtype: 'FP4', numbers: [...FP4_POSITIVE, ...FP4_POSITIVE.map((value) => 0 - value)] },
  {
    dtype: 'NF4',
    numbers: [
      -1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
      -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
      0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1,
    ],
  },
] as const;

export interface Bnb4Parts {
  readonly codes: TensorRecord;
  /** Largest magnitude of each block. */
  readonly scales: TensorRecord;
  readonly rows: number;
  readonly columns: number;
  readonly block: number;
  readonly quantType: number;
}

/** rows × columns elements, two a byte, the first in the high bits. */
export function bnb4Weight(parts: Bnb4Parts, locate: Locate): QuantizedWeight | Unbuilt {
  const { codes, scales, rows, columns, block, quantType } = parts;
  const kind = QUANT_TYPES[quantType];
  const elements = rows * columns;
  const whole = [rows, columns, block].every((size) => Number.isSafeInteger(size) && size > 0);
  if (!whole || kind === undefined || codes.type.bits !== 8 || codes.elements !== Math.ceil(elements / 2))
    return 'unfit';
  const blocks = Math.ceil(elements / block);
  if (scales.elements !== blocks || scales.type.packed !== undefined) return 'unfit';
  if (codes.data.kind === 'numbers') return 'varints';
  const scale = matrixOf(scales, 1, blocks, locate);
  if (scale === null) return 'unfit';
  const extent = locate(codes);
  const packing = {
    bits: 4,
    wordBytes: 1,
    streams: 'rows',
    first: 'streams',
    packing: 'slots',
    order: [1, 0],
  } as const;
  return {
    dtype: kind.dtype,
    shape: [rows, columns],
    elements,
    extent,
    storage: {
      kind: 'packed',
      scheme: `MatMulBnb4, ${kind.dtype}, blocks of ${block}`,
      rows: 1,
      columns: elements,
      codes: codeMatrix(extent, 1, elements, packing),
      values: { numbers: kind.numbers },
      factors: [grouped(scale, Infinity, block)],
    },
    parts: [scales],
  };
}
