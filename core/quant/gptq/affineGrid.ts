// The levels a group of weights may take: w ≈ scale · (code − zero), code ∈ [0, 2^bits − 1].
// (Jacob et al. 2018, arXiv:1712.05877, eq. 1)
//
// Every operation is float32's, in the order written here, so that kernels in WASM and WGSL find the same grids and the
// same codes, bit for bit (core/kernels/assembly/affineGrid.ts, core/kernels/gpu/affineGrid.ts). Weights are finite and
// their range stays below float32's largest number. Squares that leave float32's range on either side decide nothing.

export interface AffineGrid {
  /** A float32; never 0. */
  readonly scale: number;
  readonly zero: number;
}

export interface GridSettings {
  /** 2–8 */
  readonly bits: number;
  /** Levels around 0, the zero point in the middle; else from the smallest weight to the largest, 0 always among them. */
  readonly symmetric: boolean;
  /** Of the ranges from 100 % to 20 % of the group's, in steps of 1 %, the widest of least squared error. */
  readonly rangeSearch: boolean;
}

/** Shares of a group's range, widest first. */
export const RANGES = Float32Array.from({ length: 81 }, (_, k) => (100 - k) / 100);

const { fround } = Math;

/** @param group rounded to float32 first */
export function affineGrid(group: Iterable<number>, settings: GridSettings): AffineGrid {
  const weights = Float32Array.from(group);
  let [least, most] = [0, 0];
  for (const w of weights) {
    least = Math.min(least, w);
    most = Math.max(most, w);
  }
  const full = gridOf(least, most, settings);
  if (!settings.rangeSearch) return full;
  let best = { grid: full, error: squaredError(weights, full, settings) };
  for (const range of RANGES.subarray(1)) {
    const grid = gridOf(fround(range * least), fround(range * most), settings);
    const error = squaredError(weights, grid, settings);
    if (error < best.error) best = { grid, error };
  }
  return best.grid;
}

/** @returns the code of the level nearest to w, which is rounded to float32; halves go up */
export function codeOf(w: number, { scale, zero }: AffineGrid, { bits }: Pick<GridSettings, 'bits'>): number {
  const steps = Math.floor(fround(fround(fround(w) / scale) + 0.5));
  return Math.max(0, Math.min(2 ** bits - 1, steps + zero));
}

/** @returns a float32 */
export function levelOf(code: number, { scale, zero }: AffineGrid): number {
  return fround(scale * (code - zero));
}

function gridOf(least: number, most: number, { bits, symmetric }: GridSettings): AffineGrid {
  const steps = 2 ** bits - 1;
  const reach = Math.max(-least, most);
  const scale = fround(fround(symmetric ? reach + reach : most - least) / steps) || 1;
  if (symmetric) return { scale, zero: 2 ** (bits - 1) };
  return { scale, zero: Math.max(0, Math.min(steps, Math.floor(fround(fround(-least / scale) + 0.5)))) };
}

/** Added up in the order of the weights. */
function squaredError(weights: Float32Array, grid: AffineGrid, settings: GridSettings): number {
  let error = 0;
  for (const w of weights) {
    const lost = fround(w - levelOf(codeOf(w, grid, settings), grid));
    error = fround(error + fround(lost * lost));
  }
  return error;
}
