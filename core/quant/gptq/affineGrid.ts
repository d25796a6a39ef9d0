// The levels a group of weights may take: w ≈ scale · (code − zero), code ∈ [0, 2^bits − 1].
// (Jacob et al. 2018, arXiv:1712.05877, eq. 1)

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
  /** Of the ranges from 100 % to 20 % of the group's, in steps of 1 %, the one of least squared error. */
  readonly rangeSearch: boolean;
}

const SHRINKS = 81;

export function affineGrid(group: Iterable<number> & ArrayLike<number>, settings: GridSettings): AffineGrid {
  let [least, most] = [0, 0];
  for (const w of group) {
    least = Math.min(least, w);
    most = Math.max(most, w);
  }
  const full = gridOf(least, most, settings);
  if (!settings.rangeSearch) return full;
  let best = { grid: full, error: squaredError(group, full, settings) };
  for (let k = 1; k < SHRINKS; k++) {
    const part = 1 - k / 100;
    const grid = gridOf(part * least, part * most, settings);
    const error = squaredError(group, grid, settings);
    if (error < best.error) best = { grid, error };
  }
  return best.grid;
}

/** @returns the code of the nearest level; halves go up */
export function codeOf(w: number, { scale, zero }: AffineGrid, { bits }: Pick<GridSettings, 'bits'>): number {
  return Math.max(0, Math.min(2 ** bits - 1, Math.floor(w / scale + 0.5) + zero));
}

export function levelOf(code: number, { scale, zero }: AffineGrid): number {
  return scale * (code - zero);
}

function gridOf(least: number, most: number, { bits, symmetric }: GridSettings): AffineGrid {
  const steps = 2 ** bits - 1;
  const [low, high] = symmetric ? [-Math.max(-least, most), Math.max(-least, most)] : [least, most];
  const scale = Math.fround((high - low) / steps) || 1;
  return { scale, zero: symmetric ? 2 ** (bits - 1) : Math.max(0, Math.min(steps, Math.round(-low / scale))) };
}

function squaredError(group: Iterable<number>, grid: AffineGrid, settings: GridSettings): number {
  let error = 0;
  for (const w of group) error += (w - levelOf(codeOf(w, grid, settings), grid)) ** 2;
  return error;
}
