// Tensors of torch.quantize_per_tensor and torch.quantize_per_channel: 8-bit codes with scales and zero points.

import type { CodeMatrix, Grouped, PackedStorage } from '../../tensor/storage.ts';
import type { PickleTensor } from './pickleValue.ts';
import { isContiguous, type PlacedTensor, type Places, placeTensor } from './placeTensor.ts';
import { storageType } from './storageTypes.ts';

/** Null for what packed matrices cannot say: 32-bit codes, other channels than rows, codes that are not row-major. */
export function packQuantized(
  tensor: PickleTensor,
  placed: PlacedTensor,
  places: Places,
  file: number,
  where: () => string,
): PlacedTensor | null {
  const { quantizer, shape, strides, storage } = tensor;
  const values = storageType(storage.type)?.quantized;
  const isCodes = tensor.dtype === 'I8' || tensor.dtype === 'U8';
  if (quantizer === undefined || values === undefined || !isCodes || placed.elements === 0) return null;
  if (!isContiguous(shape, strides)) return null;
  const rows = shape.length < 2 ? 1 : (shape[0] ?? 1);
  const columns = placed.elements / rows;
  const extent = placed.storage?.kind === 'strided' ? placed.storage.extent : null;
  // Deflated codes would need their place within the stream, which a code matrix does not have.
  if (extent?.deflated !== undefined) return null;
  const codes: CodeMatrix = {
    extent: extent ?? { file, offset: placed.offset, bytes: placed.elements },
    rows,
    columns,
    bits: 8,
    wordBytes: 1,
    streams: 'rows',
    streamStride: columns,
    wordStride: 1,
    packing: 'dense',
  };
  const matrix = { kind: 'packed', rows, columns, codes, values } as const;
  if ('scale' in quantizer) {
    const scheme = '8 bit, one scale for the whole tensor';
    const packed: PackedStorage = { ...matrix, zero: quantizer.zero, constant: quantizer.scale, factors: [], scheme };
    return { ...placed, dtype: 'INT8', storage: packed };
  }
  const { scales, zeros, axis } = quantizer;
  if (axis !== 0 || shape.length < 2) return null;
  const scale = perRow(scales, rows, places, file, where);
  const zero = perRow(zeros, rows, places, file, where);
  if (scale === null || zero === null) return null;
  const scheme = '8 bit, one scale per row';
  const packed: PackedStorage = { ...matrix, zero: zero.grouped, factors: [scale.grouped], scheme };
  return { ...placed, dtype: 'INT8', bytes: placed.bytes + scale.bytes + zero.bytes, storage: packed };
}

/** A vector with one number per row. */
function perRow(
  vector: PickleTensor,
  rows: number,
  places: Places,
  file: number,
  where: () => string,
): { grouped: Grouped; bytes: number } | null {
  const { dtype, shape, strides } = vector;
  if (dtype === null || shape.length !== 1 || shape[0] !== rows) return null;
  const { offset, bytes, storage } = placeTensor(vector, dtype, places, file, where);
  const strided = storage?.kind === 'strided' ? storage : null;
  if (strided?.extent.deflated !== undefined) return null;
  const extent = strided?.extent ?? { file, offset, bytes };
  const place = { extent, dtype, rows, columns: 1, rowStride: strides[0] ?? 1, columnStride: 1 };
  const order = strided?.bigEndian === true ? { bigEndian: true } : {};
  return { grouped: { matrix: { kind: 'plain', ...place, ...order }, rowGroup: 1, columnGroup: Infinity }, bytes };
}
