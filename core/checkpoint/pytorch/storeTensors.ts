// Tensors of a pickle as tensors of a checkpoint: shape checked, place in the file found, bytes counted once.

import { QuantscopeError } from '../../base/errors.ts';
import { MAX_REPEATED_ELEMENTS, MAX_TENSOR_RANK } from '../../base/limits.ts';
import type { DType } from '../../tensor/dtype.ts';
import type { Extent, StridedStorage } from '../../tensor/storage.ts';
import type { StoredTensor } from '../format.ts';
import { quoteName } from '../tensorName.ts';
import { countElements } from '../tensorSize.ts';
import type { NamedTensor } from './collectTensors.ts';
import type { StorageExtent } from './container.ts';
import type { PickleStorage, PickleTensor } from './pickleValue.ts';
import { packQuantized } from './quantized.ts';
import { bytesPerElement, storageType } from './storageTypes.ts';

export interface StoredTensors {
  readonly tensors: readonly StoredTensor[];
  readonly warnings: readonly string[];
}

/** Names and storages told in one warning. */
const SHOWN_NAMES = 8;
const SHOWN_OVERLAPS = 8;
const SHOWN_VIEWS = 3;

export type Places = ReadonlyMap<string, StorageExtent>;

/**
 * @param file number of the file in the checkpoint
 * @throws SHAPE_INVALID, TENSOR_OVERRUN
 */
export function storeTensors(named: readonly NamedTensor[], places: Places, file: number, path: string): StoredTensors {
  const tensors: StoredTensor[] = [];
  const unknown: string[] = [];
  const raw: string[] = [];
  for (const { name, tensor } of named) {
    const where = (): string => `${path}: tensor ${quoteName(name)}`;
    if (tensor.dtype === null) {
      unknown.push(`${quoteName(name)} (${tensor.dtypeName})`);
      continue;
    }
    const placed = placeTensor(tensor, tensor.dtype, places, file, where);
    const packed = tensor.quantizer === undefined ? null : packQuantized(tensor, placed, places, file, where);
    if (tensor.quantizer !== undefined && packed === null) raw.push(quoteName(name));
    tensors.push({ name, ...(packed ?? placed) });
  }
  const warnings: string[] = [];
  if (unknown.length > 0) warnings.push(`${path}: tensors of unknown types are left out: ${some(unknown)}`);
  if (raw.length > 0) warnings.push(`${path}: quantized tensors are shown as their raw codes: ${some(raw)}`);
  warnings.push(...tellOverlaps(named, path));
  return { tensors, warnings };
}

function some(names: readonly string[]): string {
  const shown = names.slice(0, SHOWN_NAMES).join(', ');
  return names.length > SHOWN_NAMES ? `${shown}, … (${names.length} in all)` : shown;
}

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

/** Several views of one storage may count the same bytes more than once: told where the sums prove it. */
function tellOverlaps(named: readonly NamedTensor[], path: string): string[] {
  const counted = new Map<string, number>();
  for (const { tensor } of named) {
    const { key } = tensor.storage;
    counted.set(key, (counted.get(key) ?? 0) + storedElements(tensor) * bytesPerElement(tensor.dtype));
  }
  const crowded = named.filter(({ tensor }) => (counted.get(tensor.storage.key) ?? 0) > claimedBytes(tensor.storage));
  return [...Map.groupBy(crowded, ({ tensor }) => tensor.storage.key)].slice(0, SHOWN_OVERLAPS).map(([key, views]) => {
    const names = views.slice(0, SHOWN_VIEWS).map(({ name }) => quoteName(name));
    const storage = views[0]?.tensor.storage;
    const sums = `they count ${counted.get(key)} bytes, it has ${storage === undefined ? 0 : claimedBytes(storage)}`;
    return `${path}: ${views.length} tensors (${names.join(', ')}) overlap in storage ${quoteName(key)}: ${sums}`;
  });
}

/** Stride 0 repeats elements, other overlaps share them: neither stores more than it reaches. */
function storedElements({ shape, strides }: PickleTensor): number {
  const distinct = shape.reduce((product, length, at) => (strides[at] === 0 ? product : product * length), 1);
  return Math.min(distinct, reachOf(shape, strides));
}

/** Elements from the first to the last, both included; 0 when there are none. */
function reachOf(shape: readonly number[], strides: readonly number[]): number {
  if (shape.includes(0)) return 0;
  return strides.reduce((sum, stride, at) => sum + stride * ((shape[at] ?? 1) - 1), 1);
}

function claimedBytes({ type, elements }: PickleStorage): number {
  return elements * bytesPerElement(storageType(type)?.dtype);
}
