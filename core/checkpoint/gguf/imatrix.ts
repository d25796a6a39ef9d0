// Importance matrices in GGUF (llama.cpp's llama-imatrix): of every weight X, X.in_sum2 holds sums of squared
// activations and X.counts how many were summed; together they are one tensor of mean squares.

import { QuantscopeError } from '../../base/errors.ts';
import type { PlainMatrix, StridedStorage } from '../../tensor/storage.ts';
import type { StoredTensor } from '../format.ts';
import type { ImatrixDetails } from '../imatrixDetails.ts';
import { quoteName } from '../tensorName.ts';
import type { GgufKeyValue } from './details.ts';

const SUMS = '.in_sum2';
const COUNTS = '.counts';
/** Names of calibration texts that are shown. */
const MAX_DATASETS = 64;

export function isImatrix(keyValues: readonly GgufKeyValue[]): boolean {
  return textOf(keyValues, 'general.type') === 'imatrix';
}

export function imatrixDetails(keyValues: readonly GgufKeyValue[]): ImatrixDetails {
  const datasets = keyValues.find(({ key }) => key === 'imatrix.datasets')?.preview(MAX_DATASETS);
  return {
    datasets: Array.isArray(datasets) ? datasets.map(String) : [],
    chunks: numberOf(keyValues, 'imatrix.chunk_count'),
    chunkTokens: numberOf(keyValues, 'imatrix.chunk_size'),
  };
}

/**
 * Every pair becomes one F32 tensor [matrices, columns] under the name of its weight, in the place of the sums; tensors
 * that are neither sums nor counts stay as they are.
 *
 * @param bigEndian byte order of the file
 * @throws PACKING_INVALID for sums without fitting counts and counts without sums
 */
export function imatrixTensors(tensors: readonly StoredTensor[], bigEndian: boolean, file: string): StoredTensor[] {
  const countsOf = new Map<string, StoredTensor>();
  for (const tensor of tensors) {
    if (tensor.name.endsWith(COUNTS)) countsOf.set(tensor.name.slice(0, -COUNTS.length), tensor);
  }
  const found: StoredTensor[] = [];
  for (const tensor of tensors) {
    if (tensor.name.endsWith(COUNTS)) continue;
    if (!tensor.name.endsWith(SUMS)) {
      found.push(tensor);
      continue;
    }
    const name = tensor.name.slice(0, -SUMS.length);
    const counts = countsOf.get(name);
    if (counts === undefined) fail(file, `${quoteName(tensor.name)} has no ${quoteName(name + COUNTS)} beside it`);
    countsOf.delete(name);
    found.push(meanSquares(name, tensor, counts, bigEndian, file));
  }
  const [lonely] = countsOf.values();
  if (lonely !== undefined) fail(file, `${quoteName(lonely.name)} counts sums that are not there`);
  return found;
}

function meanSquares(
  name: string,
  sums: StoredTensor,
  counts: StoredTensor,
  bigEndian: boolean,
  file: string,
): StoredTensor {
  const columns = sums.shape.at(-1) ?? 1;
  const rows = columns === 0 ? 0 : sums.elements / columns;
  const shown = `${quoteName(sums.name)} has ${rows} × ${columns} ${sums.dtype}`;
  if (sums.dtype !== 'F32' || counts.dtype !== 'F32' || (counts.elements !== rows && counts.elements !== 1))
    fail(file, `${shown}, its counts ${counts.elements} ${counts.dtype}; F32 and one count a row are needed`);
  const order = bigEndian ? { bigEndian } : {};
  const shape = [rows, columns];
  const countMatrix: PlainMatrix = {
    kind: 'plain',
    extent: { file: counts.file, offset: counts.offset, bytes: counts.bytes },
    dtype: 'F32',
    ...order,
    rows: counts.elements,
    columns: 1,
    rowStride: 1,
    columnStride: 1,
  };
  const storage: StridedStorage = {
    kind: 'strided',
    extent: { file: sums.file, offset: sums.offset, bytes: sums.bytes },
    dtype: 'F32',
    ...order,
    start: 0,
    shape,
    strides: [columns, 1],
    counts: countMatrix,
  };
  return { ...sums, name, shape, bytes: sums.bytes + counts.bytes, storage };
}

function textOf(keyValues: readonly GgufKeyValue[], key: string): string | null {
  const found = keyValues.find((keyValue) => keyValue.key === key);
  return found?.type === 'string' ? String(found.value) : null;
}

function numberOf(keyValues: readonly GgufKeyValue[], key: string): number | null {
  const found = keyValues.find((keyValue) => keyValue.key === key);
  return found?.type === 'u32' || found?.type === 'i32' ? Number(found.value) : null;
}

function fail(file: string, fact: string): never {
  throw new QuantscopeError('PACKING_INVALID', `${file}: ${fact}`);
}
