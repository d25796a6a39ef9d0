// Tensors of the graph as parts of a description: extents, matrices of plain numbers, matrices of codes.

import { dtypeInfo } from '../../tensor/dtype.ts';
import { codeMatrix, plainMatrix } from '../../tensor/packing.ts';
import type { CodeMatrix, Extent, Matrix } from '../../tensor/storage.ts';
import type { TensorRecord } from './tensorProto.ts';

/** Finds where a tensor lies, once the files beside the model are known. */
export type Locate = (tensor: TensorRecord) => Extent;

/**
 * Codes that follow each other bit by bit without regard to rows, as ONNX packs tensors of less than 8 bits.
 *
 * @returns null when rows of the matrix do not begin at whole bytes, which no description covers
 */
export function flatCodes(extent: Extent, rows: number, columns: number, bits: number): CodeMatrix | null {
  const layout = { bits, wordBytes: 1, first: 'streams', packing: 'dense' } as const;
  if (columns === 1 && rows > 1) return codeMatrix(extent, rows, columns, { ...layout, streams: 'columns' });
  if (rows > 1 && (columns * bits) % 8 !== 0) return null;
  return codeMatrix(extent, rows, columns, { ...layout, streams: 'rows' });
}

/** A whole tensor as rows × columns numbers; null as for `flatCodes`. */
export function matrixOf(tensor: TensorRecord, rows: number, columns: number, locate: Locate): Matrix | null {
  const { type, data } = tensor;
  if (data.kind === 'numbers') return { kind: 'inline', rows, columns, values: data.values };
  const extent = locate(tensor);
  const { kind, blockElements } = dtypeInfo(type.dtype);
  if (kind !== 'packed' && blockElements === 1) return plainMatrix(extent, type.dtype, rows, columns);
  const codes = flatCodes(extent, rows, columns, type.bits);
  if (codes === null || type.values === undefined) return null;
  return { kind: 'packed', rows, columns, codes, values: type.values, factors: [] };
}

/** Rows × columns that begin at whole bytes: the tensor's own rows, or all elements in one. */
export function plainRows({ shape, elements, type }: TensorRecord): { rows: number; columns: number } {
  const columns = shape.at(-1) ?? 1;
  const aligned = columns > 0 && (columns * type.bits) % 8 === 0;
  return aligned ? { rows: elements / columns, columns } : { rows: 1, columns: elements };
}
