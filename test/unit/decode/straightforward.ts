// What a storage description means, one element at a time and bit by bit: the truth the decoders are tested against.

import { REFERENCE_DECODERS } from '../../../core/kernels/decode.ts';
import { float4Value, float8E4M3Value, float8E5M2Value } from '../../../core/kernels/reference/smallFloats.ts';
import { type DType, dtypeInfo } from '../../../core/tensor/dtype.ts';
import type {
  CodeMatrix,
  CodeValues,
  Extent,
  Grouped,
  Matrix,
  PackedMatrix,
  StridedStorage,
} from '../../../core/tensor/storage.ts';

/** Inflated bytes of an extent. */
export type BytesOf = (extent: Extent) => Uint8Array;

export function stridedValue(storage: StridedStorage, bytesOf: BytesOf, element: number): number {
  let position = storage.start;
  let rest = element;
  for (let d = storage.shape.length - 1; d >= 0; d--) {
    const size = storage.shape[d] ?? 1;
    position += (rest % size) * (storage.strides[d] ?? 0);
    rest = Math.floor(rest / size);
  }
  return plainValue(storage.dtype, bytesOf(storage.extent), position, storage.bigEndian);
}

export function packedValue(matrix: PackedMatrix, bytesOf: BytesOf, row: number, column: number): number {
  const listed = (): number => {
    const bytes = bytesOf(matrix.columnGroups as Extent);
    return new DataView(bytes.buffer, bytes.byteOffset).getInt32(column * 4, true);
  };
  const at = (part: Grouped | number | undefined, absent: number): number =>
    typeof part === 'object' ? groupedValue(part, bytesOf, row, column, listed) : (part ?? absent);
  const level = levelValue(matrix.values, bytesOf, code(matrix.codes, bytesOf, row, column), matrix.codes.bits);
  let scale = Math.fround(matrix.constant ?? 1);
  for (const factor of matrix.factors)
    scale = Math.fround(factor.divide ? scale / at(factor, 1) : scale * at(factor, 1));
  const zero = Math.fround(at(matrix.zero, 0) + (matrix.zeroOffset ?? 0));
  return Math.fround(Math.fround(Math.fround(level - zero) * scale) + Math.fround(at(matrix.bias, -0)));
}

function groupedValue(
  { matrix, rowGroup, columnGroup }: Grouped,
  bytesOf: BytesOf,
  row: number,
  column: number,
  listed: () => number,
): number {
  const group = columnGroup === 'listed' ? listed() : Math.floor(column / columnGroup);
  return matrixValue(matrix, bytesOf, Math.floor(row / rowGroup), group);
}

function matrixValue(matrix: Matrix, bytesOf: BytesOf, row: number, column: number): number {
  if (matrix.kind === 'packed') return packedValue(matrix, bytesOf, row, column);
  if (matrix.kind === 'inline') return matrix.values[row * matrix.columns + column] ?? NaN;
  const position = row * matrix.rowStride + column * matrix.columnStride;
  return plainValue(matrix.dtype, bytesOf(matrix.extent), position, matrix.bigEndian);
}

function plainValue(dtype: DType, bytes: Uint8Array, position: number, bigEndian = false): number {
  const size = dtypeInfo(dtype).blockBytes;
  const item = bytes.slice(position * size, (position + 1) * size);
  const out = new Float32Array(1);
  REFERENCE_DECODERS[dtype]?.(bigEndian ? item.reverse() : item, out);
  return out[0] ?? NaN;
}

function levelValue(values: CodeValues, bytesOf: BytesOf, code: number, bits: number): number {
  if (values === 'unsigned') return code;
  if (values === 'signed') return code >= 2 ** (bits - 1) ? code - 2 ** bits : code;
  if (values === 'F8_E4M3') return float8E4M3Value(code);
  if (values === 'F8_E5M2') return float8E5M2Value(code);
  if (values === 'E2M1') return float4Value(code);
  if ('numbers' in values) return Math.fround(values.numbers[code] ?? NaN);
  const bytes = bytesOf(values.table);
  return new DataView(bytes.buffer, bytes.byteOffset).getFloat32(code * 4, true);
}

/** One code, a bit at a time. */
function code(codes: CodeMatrix, bytesOf: BytesOf, row: number, column: number): number {
  const [stream, place] = codes.streams === 'rows' ? [row, column] : [column, row];
  const bytes = bytesOf(codes.extent);
  const wordBits = codes.wordBytes * 8;
  const slots = Math.floor(wordBits / codes.bits);
  let value = 0;
  for (let bit = 0; bit < codes.bits; bit++) {
    let word: number;
    let inWord: number;
    if (codes.packing === 'dense') {
      const inStream = place * codes.bits + bit;
      word = Math.floor(inStream / wordBits);
      inWord = inStream % wordBits;
    } else {
      const words = codes.words ?? 1;
      word = codes.packing === 'slots' ? Math.floor(place / slots) : place % words;
      const slot = codes.packing === 'slots' ? place % slots : Math.floor(place / words);
      inWord = (codes.order?.[slot] ?? slot) * codes.bits + bit;
    }
    const at = (stream * codes.streamStride + word * codes.wordStride) * codes.wordBytes + Math.floor(inWord / 8);
    value += (((bytes[at] ?? 0) >> (inWord % 8)) & 1) * 2 ** bit;
  }
  return value;
}

/** Where two lists differ first, every NaN the same; null when they do not. Cheap to print, unlike the lists. */
export function firstDifference(found: Float32Array, wanted: Float32Array): string | null {
  if (found.length !== wanted.length) return `${found.length} values, ${wanted.length} wanted`;
  const at = found.findIndex((value, i) => !Object.is(value, wanted[i]));
  return at < 0 ? null : `element ${at}: ${found[at]}, wanted ${wanted[at]}`;
}
