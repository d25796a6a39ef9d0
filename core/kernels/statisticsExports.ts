// WASM exports of the statistics kernels; layouts are described beside the code in assembly/.

/** rowState: 6 float64 per row; columnState: 6 arrays `columnStep` bytes apart: n, mean, M2, M3, M4, absMax. */
type Moments<More extends number[] = []> = (
  src: number,
  stride: number,
  rows: number,
  columns: number,
  rowState: number,
  columnState: number,
  columnStep: number,
  scratch: number,
  ...more: More
) => void;

export type StatisticsExports = {
  momentsF32: Moments;
  /** One argument more: tables, 4 × 65,536 uint32. */
  countedMomentsBF16: Moments<[number]>;
  /** tables: 4 × 65,536 uint32. */
  countPatterns16(src: number, count: number, tables: number): void;
  /** tables: 4 × 256 uint32. */
  countPatterns8(src: number, count: number, tables: number): void;
  /** out: sum, sum|x|, min, max, zeros, NaN, +∞, −∞ as float64. */
  firstLook(src: number, count: number, out: number): void;
  /** pairs: 65,536 uint32; bins: 256 uint32; beyond: 6 uint32. */
  secondLook(
    src: number,
    count: number,
    limits: number,
    pairs: number,
    bins: number,
    beyond: number,
    single: number,
  ): void;
  extremesOfRow(
    src: number,
    edges: number,
    cells: number,
    row: number,
    best: number,
    places: number,
    fresh: number,
  ): void;
};
