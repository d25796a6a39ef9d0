// The Cholesky factor of a matrix on the GPU, in its own float32: panels of rows from the last one up.

import type { Gpu, GpuPass } from './device.ts';
import type { GpuKernel } from './kernel.ts';
import { productPass } from './subtractProduct.ts';

/** Rows of a panel; its triangle takes 8 KiB of a workgroup's memory, of which every device has 16. */
const PANEL = 64;

const TRIANGLE = /* wgsl */ `
struct Sizes { rows: u32, first: u32 }
var<workgroup> triangle: array<f32, ${(PANEL * (PANEL + 1)) / 2}>;

/** Element (row, column ≤ row) of the panel's part on the diagonal. */
fn at(row: u32, column: u32) -> u32 { return row * (row + 1u) / 2u + column; }
fn step() -> u32 { return sizes.first + sizes.rows; }

fn loadTriangle(lane: u32) {
  for (var row = 0u; row < sizes.rows; row++) {
    if (lane <= row) { triangle[at(row, lane)] = panel[row * step() + sizes.first + lane]; }
  }
  workgroupBarrier();
}`;

/** The part on the diagonal, by one workgroup, an invocation a row. */
const FACTOR: GpuKernel = {
  name: 'Cholesky of a panel',
  wgsl: /* wgsl */ `
@group(0) @binding(0) var<storage, read_write> panel: array<f32>;
@group(0) @binding(1) var<storage, read_write> failed: array<u32>; // 1 + the first row without a positive pivot
@group(0) @binding(2) var<uniform> sizes: Sizes;
${TRIANGLE}

@compute @workgroup_size(${PANEL})
fn main(@builtin(local_invocation_index) lane: u32) {
  loadTriangle(lane);
  for (var left = sizes.rows; left > 0u; left--) {
    let k = left - 1u;
    if (lane == k) {
      let pivot = triangle[at(k, k)];
      let bits = bitcast<u32>(pivot); // comparing floats does not find every NaN
      let positive = bits > 0u && bits < 0x7f800000u;
      if (!positive && failed[0] == 0u) { failed[0] = sizes.first + k + 1u; }
      triangle[at(k, k)] = sqrt(select(1.0, pivot, positive));
    }
    workgroupBarrier();
    if (lane < k) { triangle[at(k, lane)] /= triangle[at(k, k)]; }
    workgroupBarrier();
    if (lane < k) {
      let other = triangle[at(k, lane)];
      for (var i = 0u; i <= lane; i++) { triangle[at(lane, i)] -= other * triangle[at(k, i)]; }
    }
    workgroupBarrier();
  }
  for (var row = 0u; row < sizes.rows; row++) {
    if (lane <= row) { panel[row * step() + sizes.first + lane] = triangle[at(row, lane)]; }
  }
}`,
};

/** What lies before the diagonal, an invocation a column. */
const SOLVE: GpuKernel = {
  name: 'rows of a Cholesky factor',
  wgsl: /* wgsl */ `
@group(0) @binding(0) var<storage, read_write> panel: array<f32>;
@group(0) @binding(1) var<uniform> sizes: Sizes;
${TRIANGLE}

@compute @workgroup_size(${PANEL})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  loadTriangle(lane);
  let column = group.x * ${PANEL}u + lane;
  if (column >= sizes.first) { return; }
  var x: array<f32, ${PANEL}>;
  for (var row = 0u; row < sizes.rows; row++) { x[row] = panel[row * step() + column]; }
  for (var left = sizes.rows; left > 0u; left--) {
    let k = left - 1u;
    let own = x[k] / triangle[at(k, k)];
    panel[k * step() + column] = own;
    for (var j = 0u; j < k; j++) { x[j] -= triangle[at(k, j)] * own; }
  }
}`,
};

/**
 * H = Mᵀ M, M lower triangular, in float32: as `choleskyFactor`, elements over their row's last (GPTQ's U) off by n · 2^-24 at most for
 * Hessians of correlated inputs.
 * All of M is on the device at once, 2 n² bytes.
 * @param h [n, n] float64: its lower triangle becomes M
 * @returns the row whose pivot is not positive, or −1
 * @throws DEVICE_LOST, MEMORY_LIMIT
 */
export async function gpuCholesky(gpu: Gpu, h: Float64Array, n: number): Promise<number> {
  const scale = evenPowerNear(h, n);
  const count = Math.ceil(n / PANEL);
  const firstOf = (panel: number): number => panel * PANEL;
  const endOf = (panel: number): number => Math.min(n, firstOf(panel) + PANEL);
  const panels = Array.from({ length: count }, (_, panel) => lowerRows(h, n, firstOf(panel), endOf(panel), 1 / scale));
  const passes: GpuPass[] = [];
  for (let panel = count - 1; panel >= 0; panel--) {
    const first = firstOf(panel);
    const rows = endOf(panel) - first;
    passes.push({ kernel: FACTOR, places: [panel, count], uniform: [rows, first], workgroups: 1 });
    if (first > 0) passes.push({ kernel: SOLVE, places: [panel], uniform: [rows, first], workgroups: panel });
    for (let above = 0; above < panel; above++) {
      const columns = endOf(above);
      const own = { place: panel, step: endOf(panel) };
      passes.push(
        productPass(
          { rows: columns - firstOf(above), columns, depth: rows },
          { place: above, first: 0, step: columns },
          { ...own, first: firstOf(above) },
          { ...own, first: 0 },
        ),
      );
    }
  }
  const results = await gpu.runAll([...panels, 4], passes, [...panels.keys(), count]);
  const failed = new Uint32Array(results[count] ?? new ArrayBuffer(4))[0] ?? 0;
  const root = Math.sqrt(scale);
  for (let panel = 0; panel < count; panel++) {
    const found = new Float32Array(results[panel] ?? new ArrayBuffer(0));
    const end = endOf(panel);
    for (let row = firstOf(panel); row < end; row++)
      for (let column = 0; column <= row; column++)
        h[row * n + column] = root * (found[(row - firstOf(panel)) * end + column] ?? Number.NaN);
  }
  return failed - 1;
}

/** Whatever text was run: sums over its tokens go to float32 near 1. */
function evenPowerNear(h: Float64Array, n: number): number {
  let trace = 0;
  for (let i = 0; i < n; i++) trace += h[i * n + i] ?? 0;
  const power = 4 ** Math.round(Math.log2(trace / n) / 2);
  return power > 0 && Number.isFinite(power) ? power : 1;
}

/** Rows first … end − 1 up to column end − 1. */
function lowerRows(h: Float64Array, n: number, first: number, end: number, factor: number): Float32Array {
  const out = new Float32Array((end - first) * end);
  for (let row = first; row < end; row++)
    for (let column = 0; column < end; column++)
      out[(row - first) * end + column] = factor * (h[row * n + column] ?? Number.NaN);
  return out;
}
