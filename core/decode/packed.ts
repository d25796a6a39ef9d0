// Packed tensors as float32: codes unpacked a window at a time, then scaled segment by segment.
//
//   value = fl(fl(level(code) − zero) · scale) + bias,  scale = fl(…fl(constant · factor₁)… · factorₙ)
//
// every step rounded to float32 (fl), as the quantizers' own readers compute: NaN scales give NaN.

import { basename } from 'node:path';
import { isQuantscopeError, QuantscopeError } from '../base/errors.ts';
import type { Kernels } from '../kernels/wasm.ts';
import type { PackedMatrix, PackedStorage } from '../tensor/storage.ts';
import { unpackCodes } from './codes.ts';
import { type FilePaths, pathOf } from './extent.ts';
import { groupValues, type LoadMatrix, rowValues } from './grouped.ts';
import { levelsOf } from './levels.ts';
import { inlineWindow, plainWindow } from './plainMatrix.ts';
import { piecesOf, type Rect, windowsOf } from './rect.ts';
import { scaleRow } from './scale.ts';
import { segmentsOf } from './segments.ts';

/** Scales that are packed themselves, whose scales are packed …: bitsandbytes goes one deep. */
const MAX_NESTING = 4;

/**
 * Writes `count` float32 from element `first` of the row-major rows × columns on to `dst`.
 *
 * @throws PACKING_INVALID naming file, scheme and fact when the parts do not fit each other, and what reading throws
 */
export function loadPacked(
  kernels: Kernels,
  storage: PackedStorage,
  files: FilePaths,
  first: number,
  count: number,
  dst: number,
): void {
  const { rows, columns } = storage;
  naming(files, storage, () => {
    if (!(first >= 0 && first + count <= rows * columns))
      throw new QuantscopeError(
        'PACKING_INVALID',
        `elements ${first} to ${first + count} wanted of ${rows} × ${columns}`,
      );
    let at = dst;
    for (const rect of windowsOf(columns, first, count)) {
      const size = (rect.row1 - rect.row0) * (rect.column1 - rect.column0);
      const to = at;
      decodeWindow(kernels, files, storage, rect, () => kernels.arena.f32(to, size), 0);
      at += size * 4;
    }
  });
}

/** Writes a window, row-major, to `dst`. @throws as `loadPacked` */
export function loadPackedWindow(
  kernels: Kernels,
  storage: PackedStorage,
  files: FilePaths,
  rect: Rect,
  dst: number,
): void {
  const width = rect.column1 - rect.column0;
  naming(files, storage, () => {
    for (const piece of piecesOf(rect)) {
      const pieceWidth = piece.column1 - piece.column0;
      if (pieceWidth === width) {
        const at = dst + (piece.row0 - rect.row0) * width * 4;
        decodeWindow(kernels, files, storage, piece, () => kernels.arena.f32(at, (piece.row1 - piece.row0) * width), 0);
      } else {
        // Pieces narrower than the window are one row each.
        const at = dst + ((piece.row0 - rect.row0) * width + piece.column0 - rect.column0) * 4;
        decodeWindow(kernels, files, storage, piece, () => kernels.arena.f32(at, pieceWidth), 0);
      }
    }
  });
}

/** @param target called once nothing will be allocated in the arena any more */
function decodeWindow(
  kernels: Kernels,
  files: FilePaths,
  matrix: PackedMatrix,
  rect: Rect,
  target: () => Float32Array,
  depth: number,
): void {
  if (depth > MAX_NESTING) throw new QuantscopeError('PACKING_INVALID', `scales nested more than ${MAX_NESTING} deep`);
  const load: LoadMatrix = (part, window) => {
    if (part.kind === 'inline') return inlineWindow(part, window);
    if (part.kind === 'plain') return plainWindow(kernels, files, part, window);
    const out = new Float32Array((window.row1 - window.row0) * (window.column1 - window.column0));
    decodeWindow(kernels, files, part, window, () => out, depth + 1);
    return out;
  };
  const segments = segmentsOf(files, matrix, rect);
  const groups = groupValues(matrix, rect, segments, load);
  const codes = unpackCodes(files, matrix.codes, rect);
  const levels = levelsOf(files, matrix.values, matrix.codes.bits);
  const out = target();
  const width = rect.column1 - rect.column0;
  const values = rowValues(segments);
  for (let row = rect.row0; row < rect.row1; row++) {
    groups.ofRow(row, values);
    scaleRow(codes, levels, segments, values, out, (row - rect.row0) * width);
  }
}

function naming(files: FilePaths, { codes, scheme }: PackedStorage, body: () => void): void {
  try {
    body();
  } catch (error) {
    if (!isQuantscopeError(error) || error.code !== 'PACKING_INVALID') throw error;
    throw new QuantscopeError(error.code, `${basename(pathOf(files, codes.extent))}: ${scheme}: ${error.message}`);
  }
}
