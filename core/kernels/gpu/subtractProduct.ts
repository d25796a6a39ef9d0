// C −= Aᵀ B in the adapter's float32: what GPTQ and the Cholesky factor spend their time on.

import type { GpuPass } from './device.ts';
import type { GpuKernel } from './kernel.ts';

/** Rows and columns of C one workgroup computes, 4 × 4 in each invocation. */
const TILE = 64;
const DEPTH = 16;
const THREADS = 256;

const KERNEL: GpuKernel = {
  name: 'subtract product',
  wgsl: /* wgsl */ `
@group(0) @binding(0) var<storage, read_write> c: array<f32>;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
struct Sizes { rows: u32, columns: u32, depth: u32, cFirst: u32, cStep: u32, aFirst: u32, aStep: u32, bFirst: u32, bStep: u32 }
@group(0) @binding(3) var<uniform> sizes: Sizes;
var<workgroup> aTile: array<f32, ${TILE * DEPTH}>;
var<workgroup> bTile: array<f32, ${TILE * DEPTH}>;

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) at: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let group = at.y * grid.x + at.x;
  let across = (sizes.columns + ${TILE - 1}u) / ${TILE}u;
  let firstRow = group / across * ${TILE}u;
  let firstColumn = group % across * ${TILE}u;
  if (firstRow >= sizes.rows) { return; }
  let row = lane / 16u * 4u;
  let column = lane % 16u * 4u;
  var sums: array<vec4f, 4>;
  for (var k = 0u; k < sizes.depth; k += ${DEPTH}u) {
    workgroupBarrier();
    for (var i = lane; i < ${TILE * DEPTH}u; i += ${THREADS}u) {
      let deep = k + i / ${TILE}u;
      let beside = i % ${TILE}u;
      let inside = deep < sizes.depth;
      aTile[i] = 0.0;
      bTile[i] = 0.0;
      if (inside && firstRow + beside < sizes.rows) { aTile[i] = a[sizes.aFirst + deep * sizes.aStep + firstRow + beside]; }
      if (inside && firstColumn + beside < sizes.columns) {
        bTile[i] = b[sizes.bFirst + deep * sizes.bStep + firstColumn + beside];
      }
    }
    workgroupBarrier();
    for (var deep = 0u; deep < ${DEPTH}u; deep++) {
      let x = deep * ${TILE}u + column;
      let own = vec4f(bTile[x], bTile[x + 1u], bTile[x + 2u], bTile[x + 3u]);
      for (var i = 0u; i < 4u; i++) { sums[i] += aTile[deep * ${TILE}u + row + i] * own; }
    }
  }
  for (var i = 0u; i < 4u; i++) {
    for (var j = 0u; j < 4u; j++) {
      if (firstRow + row + i < sizes.rows && firstColumn + column + j < sizes.columns) {
        c[sizes.cFirst + (firstRow + row + i) * sizes.cStep + firstColumn + column + j] -= sums[i][j];
      }
    }
  }
}`,
};

/** Part of a buffer of float32: its first number, and numbers from row to row. */
export interface MatrixPlace {
  readonly place: number;
  readonly first: number;
  readonly step: number;
}

/**
 * C −= Aᵀ B; A and B may lie in one buffer, C in none of theirs.
 * @param c [rows, columns]
 * @param a [depth, rows]
 * @param b [depth, columns]
 */
export function productPass(
  { rows, columns, depth }: { readonly rows: number; readonly columns: number; readonly depth: number },
  c: MatrixPlace,
  a: MatrixPlace,
  b: MatrixPlace,
): GpuPass {
  return {
    kernel: KERNEL,
    places: [c.place, a.place, b.place],
    uniform: [rows, columns, depth, c.first, c.step, a.first, a.step, b.first, b.step],
    workgroups: Math.ceil(rows / TILE) * Math.ceil(columns / TILE),
  };
}
