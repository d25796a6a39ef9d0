// GPTQ inside a block of columns on the GPU: one after the other rounded to its grid, its errors taken over by the next
// ones, an invocation a row. Matrices lie column by column. Sums are the adapter's float32; rounding is float32.ts's, so
// that equal sums give the reference's codes.

import { AFFINE_WGSL } from './affineGrids.ts';
import type { GpuPass } from './device.ts';
import { FLOAT32_WGSL } from './float32.ts';
import type { GpuKernel } from './kernel.ts';

/** Columns of a block: U of a block takes 8 KiB of a workgroup's memory. */
export const GPU_BLOCK_COLUMNS = 64;
const THREADS = 64;

const KERNEL: GpuKernel = {
  name: 'GPTQ columns',
  wgsl: /* wgsl */ `${FLOAT32_WGSL}${AFFINE_WGSL}
@group(0) @binding(0) var<storage, read> w: array<f32>;
@group(0) @binding(1) var<storage, read> given: array<f32>;
@group(0) @binding(2) var<storage, read> factor: array<f32>;
@group(0) @binding(3) var<storage, read> grids: array<vec2u>;
@group(0) @binding(4) var<storage, read> gridOf: array<u32>;
@group(0) @binding(5) var<storage, read_write> lost: array<f32>;
@group(0) @binding(6) var<storage, read_write> codes: array<u32>; // four columns a word
struct Sizes { rows: u32, first: u32, columns: u32, factorStep: u32, bits: u32 }
@group(0) @binding(7) var<uniform> sizes: Sizes;
var<workgroup> u: array<f32, ${(GPU_BLOCK_COLUMNS * (GPU_BLOCK_COLUMNS - 1)) / 2}>;

/** U of a column and one before it. */
fn at(column: u32, before: u32) -> u32 { return column * (column - 1u) / 2u + before; }

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  for (var column = 1u + lane; column < sizes.columns; column += ${THREADS}u) {
    for (var k = 0u; k < column; k++) { u[at(column, k)] = factor[k * sizes.factorStep + column]; }
  }
  workgroupBarrier();
  let row = (group.y * grid.x + group.x) * ${THREADS}u + lane;
  if (row >= sizes.rows) { return; }
  let steps = (1 << sizes.bits) - 1;
  var own: array<f32, ${GPU_BLOCK_COLUMNS}>;
  for (var column = 0u; column < sizes.columns; column++) {
    let place = sizes.first + column;
    var x = w[place * sizes.rows + row];
    for (var k = 0u; k < column; k++) { x -= u[at(column, k)] * own[k]; }
    let pair = grids[gridOf[place] * sizes.rows + row];
    let zero = i32(bitcast<f32>(pair.y));
    let code = codeOf(bitcast<u32>(x), pair.x, zero, steps);
    own[column] = bitcast<f32>(levelOf(code, pair.x, zero)) - given[place * sizes.rows + row];
    lost[column * sizes.rows + row] = own[column];
    codes[place / 4u * sizes.rows + row] |= u32(code) << (8u * (place % 4u));
  }
}`,
};

/** Places of the buffers of a block of columns. */
export interface ColumnPlaces {
  /** float32 [all columns, rows]: the weights with the errors of earlier blocks. */
  readonly w: number;
  /** float32 [all columns, rows]: the weights themselves. */
  readonly given: number;
  /** float32: U from the block's first row and column on. */
  readonly factor: number;
  /** (scale, zero) of float32 [grids, rows]. */
  readonly grids: number;
  /** Per column, which row of grids is its. */
  readonly gridOf: number;
  /** float32 [columns of the block, rows]: receives level − given. */
  readonly lost: number;
  /** [all columns / 4, rows] words of four codes, zeros before. */
  readonly codes: number;
}

export interface ColumnNumbers {
  readonly rows: number;
  readonly first: number;
  readonly columns: number;
  /** Numbers from row to row of the factor. */
  readonly factorStep: number;
  readonly bits: number;
}

export function columnsPass(
  { w, given, factor, grids, gridOf, lost, codes }: ColumnPlaces,
  { rows, first, columns, factorStep, bits }: ColumnNumbers,
): GpuPass {
  return {
    kernel: KERNEL,
    places: [w, given, factor, grids, gridOf, lost, codes],
    uniform: [rows, first, columns, factorStep, bits],
    workgroups: Math.ceil(rows / THREADS),
  };
}
