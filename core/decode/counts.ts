// Sums to means: rows of a calibration's sums divided by how many samples were added up.

import type { Kernels } from '../kernels/wasm.ts';
import type { StridedStorage } from '../tensor/storage.ts';
import type { FilePaths } from './extent.ts';
import { plainWindow } from './plainMatrix.ts';

/** What a row without samples is taken for: quantize.cpp gives every column of it the same weight. */
const NO_SAMPLES = 1;

/**
 * Divides the sums `first` … `first + count` at `dst` by their rows' counts, in float32 as llama-quantize does.
 *
 * @throws PACKING_INVALID when there are fewer counts than rows, and what reading throws
 */
export function divideByCounts(
  kernels: Kernels,
  { counts, shape }: StridedStorage,
  files: FilePaths,
  first: number,
  count: number,
  dst: number,
): void {
  if (counts === undefined || count === 0) return;
  const columns = shape.at(-1) ?? 1;
  const one = counts.rows === 1;
  const row0 = one ? 0 : Math.floor(first / columns);
  const row1 = one ? 1 : Math.ceil((first + count) / columns);
  const samples =
    counts.kind === 'inline'
      ? counts.values.subarray(row0, row1)
      : plainWindow(kernels, files, counts, { row0, row1, column0: 0, column1: 1 });
  const values = kernels.arena.f32(dst, count);
  for (let at = 0; at < count; ) {
    const row = one ? 0 : Math.floor((first + at) / columns) - row0;
    const end = one ? count : Math.min((row0 + row + 1) * columns - first, count);
    const divisor = samples[row] ?? 0;
    if (divisor > 0) for (; at < end; at++) values[at] = (values[at] ?? 0) / divisor;
    else values.fill(NO_SAMPLES, at, end);
    at = end;
  }
}
