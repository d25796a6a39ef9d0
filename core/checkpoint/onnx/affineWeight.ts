// A tensor of codes with its scale and zero point as one tensor: value = (code − zero) · scale.

import type { DType } from '../../tensor/dtype.ts';
import { grouped } from '../../tensor/packing.ts';
import type { Extent, Grouped, Matrix, PackedStorage } from '../../tensor/storage.ts';
import { type Granularity, granularityOf } from './granularity.ts';
import { flatCodes, type Locate, matrixOf } from './parts.ts';
import type { TensorRecord } from './tensorProto.ts';

/** A weight as it is listed in place of the tensors it is made of. */
export interface QuantizedWeight {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly elements: number;
  readonly extent: Extent;
  readonly storage: PackedStorage;
  /** Scales, zero points and indices: their bytes count in the weight's, and they are not listed themselves. */
  readonly parts: readonly TensorRecord[];
}

/** Scales as stored, or codes with one scale of their own (NVFP4 has FP8 scales under one float). */
export interface ScaleOperand {
  readonly tensor: TensorRecord;
  readonly own?: TensorRecord;
  /** Where the operator sees them in another shape than the tensor has. */
  readonly shape?: readonly number[];
}

/** Why parts make no weight: 'unfit' when their shapes contradict each other, else what no description covers. */
export type Unbuilt = 'unfit' | 'unaligned' | 'varints';

export interface AffineParts {
  /** Name of the operator. */
  readonly method: string;
  readonly codes: TensorRecord;
  readonly scale: ScaleOperand;
  readonly zero: TensorRecord | undefined;
  readonly axis: number;
  readonly block: number;
}

/** @param parts.codes of a type that has `packed` */
export function affineWeight(parts: AffineParts, locate: Locate): QuantizedWeight | Unbuilt {
  const { codes, scale, zero, axis, block } = parts;
  const { type, shape, elements } = codes;
  if (codes.data.kind === 'numbers') return 'varints';
  const layout = granularityOf(codes, scale.shape ?? scale.tensor.shape, axis, block);
  if (layout === null || type.packed === undefined || type.values === undefined) return 'unfit';
  if (layout === 'unaligned') return layout;
  const { rows, columns } = layout;
  const extent = locate(codes);
  const matrix = flatCodes(extent, rows, columns, type.bits);
  const factor = scaleFactor(scale, layout, locate);
  const shift = zero === undefined ? 0 : zeroPoint(zero, layout, locate);
  if (shift === 'unfit') return 'unfit';
  if (matrix === null || factor === null || shift === null) return 'unaligned';
  const storage: PackedStorage = {
    kind: 'packed',
    scheme: schemeOf(parts, layout, shift),
    rows,
    columns,
    codes: matrix,
    values: type.values,
    factors: [factor],
    ...(shift === 0 ? {} : { zero: shift }),
  };
  const used = [scale.tensor, scale.own, zero].filter((part) => part !== undefined);
  return { dtype: type.packed, shape, elements, extent, storage, parts: used };
}

function schemeOf({ method, codes }: AffineParts, { text }: Granularity, shift: number | Grouped): string {
  const { name, bits } = codes.type;
  const integer = name.includes('INT');
  const width = integer ? `${bits} bit` : name;
  return `${method}, ${width}, ${text}${integer ? (shift === 0 ? ', symmetric' : ', with zero points') : ''}`;
}

function scaleFactor({ tensor, own }: ScaleOperand, layout: Granularity, locate: Locate): Grouped | null {
  const { scaleRows, scaleColumns, rowGroup, columnGroup } = layout;
  const matrix =
    own === undefined ? matrixOf(tensor, scaleRows, scaleColumns, locate) : scaledScale(tensor, own, layout, locate);
  return matrix === null ? null : grouped(matrix, rowGroup, columnGroup);
}

function scaledScale(
  { type, data, ...tensor }: TensorRecord,
  own: TensorRecord,
  { scaleRows, scaleColumns }: Granularity,
  locate: Locate,
): Matrix | null {
  const one = own.elements === 1 ? matrixOf(own, 1, 1, locate) : null;
  if (one === null || type.values === undefined || data.kind === 'numbers') return null;
  const codes = flatCodes(locate({ type, data, ...tensor }), scaleRows, scaleColumns, type.bits);
  if (codes === null) return null;
  const factors = [grouped(one, Infinity, Infinity)];
  return { kind: 'packed', rows: scaleRows, columns: scaleColumns, codes, values: type.values, factors };
}

/** One for every scale, or one for all. @returns 0 where it is known to be nothing */
function zeroPoint(zero: TensorRecord, layout: Granularity, locate: Locate): number | Grouped | 'unfit' | null {
  const { scaleRows, scaleColumns, rowGroup, columnGroup } = layout;
  const single = zero.elements === 1;
  if (!single && zero.elements !== scaleRows * scaleColumns) return 'unfit';
  if (zero.data.kind === 'numbers') {
    const [first = 0] = zero.data.values;
    if (zero.data.values.every((value) => value === first)) return first;
  }
  const matrix = single ? matrixOf(zero, 1, 1, locate) : matrixOf(zero, scaleRows, scaleColumns, locate);
  if (matrix === null) return null;
  return single ? grouped(matrix, Infinity, Infinity) : grouped(matrix, rowGroup, columnGroup);
}
