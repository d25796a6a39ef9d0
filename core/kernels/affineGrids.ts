// Affine grids of groups of weights by the WASM kernel: the bits of core/quant/gptq/affineGrid.ts.

import type { Kernels } from './wasm.ts';

export interface GridKind {
  /** 2–8 */
  readonly bits: number;
  readonly symmetric: boolean;
  readonly rangeSearch: boolean;
}

/** w ≈ scale · (code − zero), one of each a group. */
export interface Grids {
  readonly scales: Float32Array<ArrayBuffer>;
  /** Whole numbers. */
  readonly zeros: Float32Array<ArrayBuffer>;
}

/** Weights copied into the kernel's memory at a time: some tenths of a second of search. */
const TILE_ELEMENTS = 1 << 20;

/**
 * @param values finite, whole groups
 * @param checkpoint called between tiles; may throw
 */
export function affineGrids(
  { run, arena }: Kernels,
  values: Float32Array,
  groupSize: number,
  { bits, symmetric, rangeSearch }: GridKind,
  checkpoint?: () => void,
): Grids {
  const groups = values.length / groupSize;
  const out = { scales: new Float32Array(groups), zeros: new Float32Array(groups) };
  const step = Math.max(1, Math.floor(TILE_ELEMENTS / groupSize));
  arena.scoped(() => {
    const src = arena.alloc(step * groupSize * 4);
    const scales = arena.alloc(step * 4);
    const zeros = arena.alloc(step * 4);
    for (let first = 0; first < groups; first += step) {
      checkpoint?.();
      const count = Math.min(step, groups - first);
      arena.f32(src, count * groupSize).set(values.subarray(first * groupSize, (first + count) * groupSize));
      run.affineGrids(src, count, groupSize, bits, symmetric, rangeSearch, scales, zeros);
      out.scales.set(arena.f32(scales, count), first);
      out.zeros.set(arena.f32(zeros, count), first);
    }
  });
  return out;
}
