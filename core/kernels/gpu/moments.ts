// Moments of every row and every column on the GPU: runs of elements in its float32, put together in float64.

import { type Moments, mergeMoments, NO_MOMENTS } from '../moments.ts';
import { channelMoments } from '../reference/statistics.ts';
import type { Gpu } from './device.ts';
import type { GpuKernel } from './kernel.ts';

const THREADS = 64;
/** Elements of a row's run: 64 an invocation. */
const ROW_RUN = 4096;
/** Elements of a column's run, of one invocation: sums of 16 sums of 16. */
const COLUMN_RUN = 256;
const PART = 16;
/** count, exponent, shift, four sums, largest magnitude. */
const RUN_BYTES = 32;
const SMALLEST_NORMAL = 2 ** -126;

/**
 * A run is scaled by a power of two, so that no fourth power overflows or vanishes, and its powers are summed about a
 * mean found before: nothing cancels, wherever the elements lie.
 */
const RUN_WGSL = /* wgsl */ `
struct Run { count: f32, exponent: u32, shift: f32, sums: vec4f, most: u32 }
struct Sizes { rows: u32, columns: u32 }
@group(0) @binding(0) var<storage, read> values: array<u32>;
@group(0) @binding(1) var<storage, read_write> runs: array<u32>;
@group(0) @binding(2) var<uniform> sizes: Sizes;

/** Magnitude bits; 0 for what is not finite. Compared as integers, which find every NaN. */
fn magnitude(x: u32) -> u32 { return select(0u, x & 0x7fffffffu, finite(x)); }
fn finite(x: u32) -> bool { return (x & 0x7f800000u) != 0x7f800000u; }
fn exponentOf(most: u32) -> u32 { return clamp(most >> 23u, 1u, 253u); }
fn scaled(x: u32, exponent: u32) -> f32 { return bitcast<f32>(x) * bitcast<f32>((254u - exponent) << 23u); }
fn powers(d: f32) -> vec4f { return vec4f(d, d * d, d * d * d, d * d * d * d); }

fn store(at: u32, run: Run) {
  runs[8u * at] = bitcast<u32>(run.count);
  runs[8u * at + 1u] = run.exponent;
  runs[8u * at + 2u] = bitcast<u32>(run.shift);
  for (var k = 0u; k < 4u; k++) { runs[8u * at + 3u + k] = bitcast<u32>(run.sums[k]); }
  runs[8u * at + 7u] = run.most;
}`;

/** One workgroup a run of ${ROW_RUN} elements of a row. */
const ROWS: GpuKernel = {
  name: 'moments of rows',
  wgsl: /* wgsl */ `${RUN_WGSL}
var<workgroup> parts: array<vec4f, ${THREADS}>;
var<workgroup> largest: array<u32, ${THREADS}>;

/** The sum of all lanes' parts, in the order of a tree. */
fn total(lane: u32, part: vec4f) -> vec4f {
  parts[lane] = part;
  for (var half = ${THREADS / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { parts[lane] += parts[lane + half]; }
  }
  workgroupBarrier();
  let sum = parts[0];
  workgroupBarrier();
  return sum;
}

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) at: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let run = at.y * grid.x + at.x;
  let runsOfRow = (sizes.columns + ${ROW_RUN - 1}u) / ${ROW_RUN}u;
  let row = run / runsOfRow;
  if (row >= sizes.rows) { return; }
  let begin = run % runsOfRow * ${ROW_RUN}u;
  let first = row * sizes.columns + begin + lane;
  let end = row * sizes.columns + min(begin + ${ROW_RUN}u, sizes.columns);
  var count = 0.0;
  var most = 0u;
  for (var i = first; i < end; i += ${THREADS}u) {
    most = max(most, magnitude(values[i]));
    count += f32(finite(values[i]));
  }
  largest[lane] = most;
  let finites = total(lane, vec4f(count)).x;
  for (var i = 0u; i < ${THREADS}u; i++) { most = max(most, largest[i]); }
  let exponent = exponentOf(most);
  var sum = 0.0;
  for (var i = first; i < end; i += ${THREADS}u) { if (finite(values[i])) { sum += scaled(values[i], exponent); } }
  let shift = total(lane, vec4f(sum)).x / max(1.0, finites);
  var sums = vec4f();
  for (var i = first; i < end; i += ${THREADS}u) {
    if (finite(values[i])) { sums += powers(scaled(values[i], exponent) - shift); }
  }
  sums = total(lane, sums);
  if (lane == 0u) { store(run, Run(finites, exponent, shift, sums, most)); }
}`,
};

/** One invocation a run of ${COLUMN_RUN} elements of a column. */
const COLUMNS: GpuKernel = {
  name: 'moments of columns',
  wgsl: /* wgsl */ `${RUN_WGSL}
@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) at: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let run = (at.y * grid.x + at.x) * ${THREADS}u + lane;
  let begin = run / sizes.columns * ${COLUMN_RUN}u;
  let column = run % sizes.columns;
  if (begin >= sizes.rows) { return; }
  let end = min(begin + ${COLUMN_RUN}u, sizes.rows);
  var count = 0.0;
  var most = 0u;
  for (var row = begin; row < end; row++) {
    let x = values[row * sizes.columns + column];
    most = max(most, magnitude(x));
    count += f32(finite(x));
  }
  let exponent = exponentOf(most);
  var sum = 0.0;
  for (var start = begin; start < end; start += ${PART}u) {
    var part = 0.0;
    for (var row = start; row < min(start + ${PART}u, end); row++) {
      let x = values[row * sizes.columns + column];
      if (finite(x)) { part += scaled(x, exponent); }
    }
    sum += part;
  }
  let shift = sum / max(1.0, count);
  var sums = vec4f();
  for (var start = begin; start < end; start += ${PART}u) {
    var part = vec4f();
    for (var row = start; row < min(start + ${PART}u, end); row++) {
      let x = values[row * sizes.columns + column];
      if (finite(x)) { part += powers(scaled(x, exponent) - shift); }
    }
    sums += part;
  }
  store(run, Run(count, exponent, shift, sums, most));
}`,
};

/** n, mean, M2, M3, M4, |x|max of finite elements: what the WASM kernels keep. */
export interface MatrixMoments {
  /** Six numbers a row. */
  readonly rows: Float64Array;
  /** Six arrays of one number a column. */
  readonly columns: Float64Array;
}

/**
 * Against float64: n and |x|max are exact, M2 and M4 within 2^-15 of themselves, the mean within 2^-15 σ, M3 within
 * 2^-14 √(M2 M4). A sum of 64 float32, and of 64 of those, is off by 70 · 2^-23 at most; runs whose mean was not found
 * that well (σ below a hundred-thousandth of it) or whose largest element is subnormal are summed in float64 instead.
 * @param values [rows, columns]
 * @throws DEVICE_LOST, MEMORY_LIMIT
 */
export async function gpuMoments(
  gpu: Gpu,
  values: Float32Array,
  rows: number,
  columns: number,
): Promise<MatrixMoments> {
  const byRow = new States(rows);
  const byColumn = new States(columns);
  // Runs take 32 bytes of an element at most: narrow tiles and flat ones have many.
  const width = Math.min(columns, Math.floor(gpu.tileBytes / RUN_BYTES));
  const height = width < columns ? 1 : Math.max(1, Math.floor(gpu.tileBytes / Math.max(4 * columns, RUN_BYTES)));
  for (let row = 0; row < rows; row += height)
    for (let column = 0; column < columns; column += width) {
      // Parts of a row only where a row does not fit: a tile's elements always lie together.
      const tileRows = Math.min(height, rows - row);
      const tileColumns = Math.min(width, columns - column);
      const first = row * columns + column;
      const tile = new Tile(values.subarray(first, first + tileRows * tileColumns), tileRows, tileColumns);
      await tile.run(gpu);
      tile.addRows(byRow, row);
      tile.addColumns(byColumn, column);
    }
  return { rows: byRow.interleaved(), columns: byColumn.arrays() };
}

class Tile {
  readonly #values: Float32Array;
  readonly #rows: number;
  readonly #columns: number;
  readonly #rowRuns: number;
  readonly #columnRuns: number;
  #ofRows: DataView = new DataView(new ArrayBuffer(0));
  #ofColumns: DataView = new DataView(new ArrayBuffer(0));

  constructor(values: Float32Array, rows: number, columns: number) {
    this.#values = values;
    this.#rows = rows;
    this.#columns = columns;
    this.#rowRuns = Math.ceil(columns / ROW_RUN);
    this.#columnRuns = Math.ceil(rows / COLUMN_RUN);
  }

  async run(gpu: Gpu): Promise<void> {
    const ofRows = this.#rows * this.#rowRuns;
    const ofColumns = this.#columns * this.#columnRuns;
    const uniform = [this.#rows, this.#columns];
    const found = await gpu.runAll(
      [this.#values, ofRows * RUN_BYTES, ofColumns * RUN_BYTES],
      [
        { kernel: ROWS, places: [0, 1], uniform, workgroups: ofRows },
        { kernel: COLUMNS, places: [0, 2], uniform, workgroups: Math.ceil(ofColumns / THREADS) },
      ],
      [1, 2],
    );
    this.#ofRows = new DataView(found[0] ?? new ArrayBuffer(0));
    this.#ofColumns = new DataView(found[1] ?? new ArrayBuffer(0));
  }

  addRows(states: States, firstRow: number): void {
    for (let row = 0; row < this.#rows; row++)
      for (let run = 0; run < this.#rowRuns; run++) {
        const begin = run * ROW_RUN;
        const elements = {
          first: row * this.#columns + begin,
          step: 1,
          count: Math.min(ROW_RUN, this.#columns - begin),
        };
        states.add(firstRow + row, this.#momentsOf(this.#ofRows, row * this.#rowRuns + run, elements));
      }
  }

  addColumns(states: States, firstColumn: number): void {
    for (let run = 0; run < this.#columnRuns; run++)
      for (let column = 0; column < this.#columns; column++) {
        const begin = run * COLUMN_RUN;
        const first = begin * this.#columns + column;
        const elements = { first, step: this.#columns, count: Math.min(COLUMN_RUN, this.#rows - begin) };
        states.add(firstColumn + column, this.#momentsOf(this.#ofColumns, run * this.#columns + column, elements));
      }
  }

  #momentsOf(runs: DataView, run: number, elements: Elements): RunMoments {
    const at = run * RUN_BYTES;
    const float = (word: number): number => runs.getFloat32(at + 4 * word, true);
    const n = float(0);
    const [s1, s2, s3, s4] = [float(3), float(4), float(5), float(6)];
    const absMax = float(7);
    if (s1 * s1 > (n * s2) / 16 || (absMax > 0 && absMax < SMALLEST_NORMAL)) return exactly(this.#values, elements);
    const unit = 2 ** (runs.getUint32(at + 4, true) - 127);
    const d = n === 0 ? 0 : s1 / n;
    return {
      n,
      mean: (float(2) + d) * unit,
      m2: (s2 - d * s1) * unit ** 2,
      m3: (s3 - d * (3 * s2 - 2 * d * s1)) * unit ** 3,
      m4: (s4 - d * (4 * s3 - d * (6 * s2 - 3 * d * s1))) * unit ** 4,
      absMax,
    };
  }
}

interface RunMoments extends Moments {
  readonly absMax: number;
}

interface Elements {
  readonly first: number;
  readonly step: number;
  readonly count: number;
}

function exactly(values: Float32Array, { first, step, count }: Elements): RunMoments {
  const own = Float32Array.from({ length: count }, (_, i) => values[first + i * step] ?? Number.NaN);
  const [n, mean, m2, m3, m4, absMax] = channelMoments(own);
  return { n, mean, m2, m3, m4, absMax };
}

/** What is known of every row, or of every column. */
class States {
  readonly #all: RunMoments[];

  constructor(length: number) {
    this.#all = new Array<RunMoments>(length).fill({ ...NO_MOMENTS, absMax: 0 });
  }

  add(at: number, run: RunMoments): void {
    const known = this.#all[at] ?? run;
    this.#all[at] = { ...mergeMoments(known, run), absMax: Math.max(known.absMax, run.absMax) };
  }

  interleaved(): Float64Array {
    return Float64Array.from(this.#all.flatMap(({ n, mean, m2, m3, m4, absMax }) => [n, mean, m2, m3, m4, absMax]));
  }

  arrays(): Float64Array {
    const numbers = (['n', 'mean', 'm2', 'm3', 'm4', 'absMax'] as const).flatMap((key) =>
      this.#all.map((own) => own[key]),
    );
    return Float64Array.from(numbers);
  }
}
