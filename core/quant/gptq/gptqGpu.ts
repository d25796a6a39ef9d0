// GPTQ on the GPU: factor, errors and products in its float32.

import { throwIfCancelled } from '../../base/cancellation.ts';
import { gpuAffineGrids, gridPass } from '../../kernels/gpu/affineGrids.ts';
import { gpuCholesky } from '../../kernels/gpu/cholesky.ts';
import type { Gpu, GpuContent, GpuPass } from '../../kernels/gpu/device.ts';
import { columnsPass, GPU_BLOCK_COLUMNS } from '../../kernels/gpu/gptqColumns.ts';
import { productPass } from '../../kernels/gpu/subtractProduct.ts';
import { at } from '../../kernels/reference/at.ts';
import { type Block, blocksOf, byColumn, CodesByRow, type ColumnCodes } from './blocks.ts';
import { dampedHessian, type Feedback, notPositive, orderOf, unitUpper } from './feedback.ts';
import { checkGptq, type GptqSettings, type Matrix, type QuantizedMatrix } from './gptq.ts';

/**
 * As `gptq`, but for sums in float32: where one falls near the middle between two levels, the code may be the other one,
 * and those after it in its row may follow. At most 1 % of the codes differ, and tr((W − Ŵ) H (W − Ŵ)ᵀ) stays within 1 %
 * of the reference's; on the sample model's layers no code differs at 3 and 4 bits, 0.1 % at 8. Grids that are fitted to
 * given weights (act-order) are the reference's bits.
 * @throws as `gptq`, DEVICE_LOST, MEMORY_LIMIT when the factor (2 · columns² bytes) exceeds the device's memory
 */
export async function gptqOnGpu(
  gpu: Gpu,
  weights: Matrix,
  hessian: Float64Array,
  settings: GptqSettings,
  signal?: AbortSignal,
): Promise<QuantizedMatrix> {
  checkGptq(weights, hessian, settings);
  const { values, rows, columns } = weights;
  const order = orderOf(hessian, columns, settings.actOrder);
  const factor = dampedHessian(hessian, order, settings.damping);
  throwIfCancelled(signal, 'GPTQ');
  const failed = await gpuCholesky(gpu, factor, columns);
  if (failed >= 0) throw notPositive(failed, columns);
  unitUpper(factor, columns);
  const collected = new CodesByRow(weights, settings, order);
  // A weight takes 4 bytes of a buffer, the grid of a group of one 8.
  const step = Math.max(1, Math.floor(gpu.tileBytes / (8 * columns)));
  for (let first = 0; first < rows; first += step) {
    const count = Math.min(step, rows - first);
    const chunk = { values: values.subarray(first * columns, (first + count) * columns), rows: count, columns };
    collected.add({ ...(await quantizeRows(gpu, chunk, { order, factor }, settings, signal)), firstRow: first });
  }
  return collected.result();
}

async function quantizeRows(
  gpu: Gpu,
  { values, rows, columns }: Matrix,
  { order, factor }: Feedback,
  settings: GptqSettings,
  signal: AbortSignal | undefined,
): Promise<Omit<ColumnCodes, 'firstRow'>> {
  const size = settings.groupSize ?? columns;
  const groups = columns / size;
  const given = new Float32Array(columns * rows);
  byColumn(values, order, rows, given);
  let w = given;
  let grids = settings.actOrder
    ? gridPairs(await gpuAffineGrids(gpu, values, size, settings), rows, groups)
    : new Float32Array(2 * groups * rows);
  let codes = new Uint32Array(Math.ceil(columns / 4) * rows);
  const gridOf = order.map((column) => Math.floor(column / size));
  for (const blocks of batchesOf(blocksOf(columns, settings, GPU_BLOCK_COLUMNS), columns, gpu.tileBytes)) {
    throwIfCancelled(signal, 'GPTQ');
    const buffers: GpuContent[] = [w, given, grids, gridOf, Math.min(GPU_BLOCK_COLUMNS, columns) * rows * 4, codes];
    const passes = blocks.flatMap((block) => {
      const panel = buffers.push(panelOf(factor, columns, block)) - 1;
      return blockPasses(block, { rows, columns, size, panel }, settings);
    });
    const [nextW, nextGrids, nextCodes] = await gpu.runAll(buffers, passes, [0, 2, 5]);
    w = new Float32Array(nextW ?? new ArrayBuffer(0));
    grids = new Float32Array(nextGrids ?? new ArrayBuffer(0));
    codes = new Uint32Array(nextCodes ?? new ArrayBuffer(0));
  }
  return { rows, step: rows, codes: bytesOf(codes, columns, rows), ...apart(grids) };
}

/** Blocks whose rows of the factor take about a tile together. */
function batchesOf(blocks: readonly Block[], columns: number, tileBytes: number): Block[][] {
  const batches: Block[][] = [];
  let left = 0;
  for (const block of blocks) {
    if (left <= 0) {
      batches.push([]);
      left = tileBytes;
    }
    batches.at(-1)?.push(block);
    left -= 4 * (block.end - block.first) * (columns - block.first);
  }
  return batches;
}

/** Grids, codes and lost weights of the block, and what it takes from the columns after it. */
function blockPasses(
  { first, end, fits }: Block,
  { rows, columns, size, panel }: { rows: number; columns: number; size: number; panel: number },
  settings: GptqSettings,
): GpuPass[] {
  const passes: GpuPass[] = [];
  if (fits !== null) {
    const places = { groups: rows, size, first: first * rows, groupStep: 1, step: rows, out: fits * rows };
    passes.push(gridPass([0, 2], places, settings));
  }
  const factorStep = columns - first;
  const places = { w: 0, given: 1, factor: panel, grids: 2, gridOf: 3, lost: 4, codes: 5 };
  passes.push(columnsPass(places, { rows, first, columns: end - first, factorStep, bits: settings.bits }));
  if (end < columns)
    passes.push(
      productPass(
        { rows: columns - end, columns: rows, depth: end - first },
        { place: 0, first: end * rows, step: rows },
        { place: panel, first: end - first, step: factorStep },
        { place: 4, first: 0, step: rows },
      ),
    );
  return passes;
}

/** Rows of U from the diagonal on. */
function panelOf(factor: Float64Array, n: number, { first, end }: Block): Float32Array {
  const width = n - first;
  const out = new Float32Array((end - first) * width);
  for (let row = first; row < end; row++)
    out.set(factor.subarray(row * n + first, (row + 1) * n), (row - first) * width);
  return out;
}

/** [rows, groups] → [groups, rows] pairs. */
function gridPairs(
  { scales, zeros }: { scales: Float32Array; zeros: Float32Array },
  rows: number,
  groups: number,
): Float32Array<ArrayBuffer> {
  const out = new Float32Array(2 * rows * groups);
  for (let i = 0; i < rows * groups; i++) {
    const to = 2 * ((i % groups) * rows + Math.floor(i / groups));
    out[to] = at(scales, i);
    out[to + 1] = at(zeros, i);
  }
  return out;
}

function apart(pairs: Float32Array): { scales: Float32Array; zeros: Float32Array } {
  const half = (odd: number): Float32Array =>
    Float32Array.from({ length: pairs.length / 2 }, (_, i) => at(pairs, 2 * i + odd));
  return { scales: half(0), zeros: half(1) };
}

function bytesOf(words: Uint32Array, columns: number, rows: number): Uint8Array {
  const out = new Uint8Array(columns * rows);
  for (let place = 0; place < columns; place++)
    for (let row = 0; row < rows; row++)
      out[place * rows + row] = (at(words, (place >> 2) * rows + row) >>> (8 * (place & 3))) & 255;
  return out;
}
