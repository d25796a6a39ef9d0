// Where a tensor of a pickle lies in its file: shape and strides checked, its storage found, stored bytes counted.

import { QuantscopeError } from '../../base/errors.ts';
import { MAX_REPEATED_ELEMENTS, MAX_TENSOR_RANK } from '../../base/limits.ts';
import type { DType } from '../../tensor/dtype.ts';
import type { Extent, StridedStorage } from '../../tensor/storage.ts';
import type { StoredTensor } from '../format.ts';
import { quoteName } from '../tensorName.ts';
import { countElements } from '../tensorSize.ts';
import type { StorageExtent } from './container.ts';
import type { PickleStorage, PickleTensor } from './pickleValue.ts';
import { bytesPerElement, storageType } from './storageTypes.ts';

/** Where the storages lie, by their keys. */
export type Places = ReadonlyMap<string, StorageExtent>;

/** A stored tensor without its name. */
export type PlacedTensor = Omit<StoredTensor, 'name'>;

/** Without its name. @throws SHAPE_INVALID, TENSOR_OVERRUN */
export function placeTensor(
  tensor: PickleTensor,
  dtype: DType,
  places: Places,
  file: number,
  where: () => string,
): PlacedTensor {
  const { shape, strides, start, storage } = tensor;
  const elements = checkShape(tensor, where);
  if (elements === 0) {
    return { dtype, shape, elements, bytes: 0, file, offset: places.get(storage.key)?.extent.offset ?? 0 };
  }
  const size = bytesPerElement(dtype);
  const memory = memoryOf(storage, places, where);
  const reach = reachOf(shape, strides);
  const endBytes = memory.begin + (start + reach) * size;
  if (!(endBytes <= memory.end)) {
    const fact = `reaches byte ${endBytes} of storage ${quoteName(storage.key)}, which ends at ${memory.end}`;
    throw new QuantscopeError('TENSOR_OVERRUN', `${where()} ${fact}`);
  }
  const stored = storedElements(tensor);
  if (elements > stored && elements > MAX_REPEATED_ELEMENTS) {
    const fact = `repeats ${stored} stored elements ${elements} times in all`;
    throw new QuantscopeError('SHAPE_INVALID', `${where()} ${fact}, limit ${MAX_REPEATED_ELEMENTS}`);
  }
  const bytes = stored * size;
  const first = memory.begin + start * size;
  const described = storageOf(tensor, dtype, memory.place, { first, bytes: reach * size });
  const offset =
    memory.place.extent.deflated === undefined ? memory.place.extent.offset + first : memory.place.extent.offset;
  const placed = { dtype, shape, elements, bytes, file, offset };
  return described === null ? placed : { ...placed, storage: described };
}

function checkShape({ shape, strides, start }: PickleTensor, where: () => string): number {
  if (shape.length > MAX_TENSOR_RANK) {
    throw new QuantscopeError('SHAPE_INVALID', `${where()} has ${shape.length} dimensions, limit ${MAX_TENSOR_RANK}`);
  }
  const elements = countElements(shape, where);
  for (const number of [start, ...strides]) {
    if (Number.isSafeInteger(number) && number >= 0) continue;
    const fact = `starts at ${start} with strides [${strides.join(', ')}], which must be whole and not negative`;
    throw new QuantscopeError('SHAPE_INVALID', `${where()} ${fact}`);
  }
  return elements;
}

/** The bytes of its storage that a tensor may use, counted from the storage's first. */
function memoryOf(
  storage: PickleStorage,
  places: Places,
  where: () => string,
): { place: StorageExtent; begin: number; end: number } {
  const place = places.get(storage.key);
  if (place === undefined) {
    throw new QuantscopeError(
      'TENSOR_OVERRUN',
      `${where()} lies in storage ${quoteName(storage.key)}, which is missing`,
    );
  }
  const size = bytesPerElement(storageType(storage.type)?.dtype);
  const claimed = claimedBytes(storage);
  if (!(claimed <= place.extent.bytes)) {
    const fact = `storage ${quoteName(storage.key)} claims ${claimed} bytes, the file holds ${place.extent.bytes}`;
    throw new QuantscopeError('TENSOR_OVERRUN', `${where()}: ${fact}`);
  }
  const { view } = storage;
  if (view === undefined) return { place, begin: 0, end: claimed };
  return { place, begin: view.offset * size, end: (view.offset + view.elements) * size };
}

/** Null when the elements lie one after the other, as in every ordinary checkpoint. */
function storageOf(
  { shape, strides }: PickleTensor,
  dtype: DType,
  { extent, bigEndian }: StorageExtent,
  range: { readonly first: number; readonly bytes: number },
): StridedStorage | null {
  const isForeign = bigEndian && bytesPerElement(dtype) > 1;
  if (extent.deflated === undefined && !isForeign && isContiguous(shape, strides)) return null;
  // A DEFLATE stream is read from its beginning; everything else just where the tensor lies.
  const isDeflated = extent.deflated !== undefined;
  const within: Extent = isDeflated
    ? extent
    : { file: extent.file, offset: extent.offset + range.first, bytes: range.bytes };
  const start = isDeflated ? range.first / bytesPerElement(dtype) : 0;
  const storage: StridedStorage = { kind: 'strided', extent: within, dtype, start, shape, strides };
  return isForeign ? { ...storage, bigEndian: true } : storage;
}

/** Strides of dimensions of length 1 mean nothing. */
export function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let at = shape.length - 1; at >= 0; at--) {
    const length = shape[at] ?? 1;
    if (length === 1) continue;
    if (strides[at] !== expected) return false;
    expected *= length;
  }
  return true;
}

/** Stride 0 repeats elements, other overlaps share them: neither stores more than it reaches. */
export function storedElements({ shape, strides }: PickleTensor): number {
  const distinct = shape.reduce((product, length, at) => (strides[at] === 0 ? product : product * length), 1);
  return Math.min(distinct, reachOf(shape, strides));
}

/** Elements from the first to the last, both included; 0 when there are none. */
function reachOf(shape: readonly number[], strides: readonly number[]): number {
  if (shape.includes(0)) return 0;
  return strides.reduce((sum, stride, at) => sum + stride * ((shape[at] ?? 1) - 1), 1);
}

export function claimedBytes({ type, elements }: PickleStorage): number {
  return elements * bytesPerElement(storageType(type)?.dtype);
}
