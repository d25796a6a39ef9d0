// GPTQ by the WASM kernels: the reference's codes, grids and levels, bit for bit.

import { throwIfCancelled } from '../../base/cancellation.ts';
import { affineGrids } from '../../kernels/affineGrids.ts';
import { choleskyFactor, PACKED_BYTES, panelStep } from '../../kernels/cholesky.ts';
import type { Kernels } from '../../kernels/wasm.ts';
import { blocksOf, byColumn, CodesByRow, type ColumnCodes } from './blocks.ts';
import { type Feedback, feedbackOf, notPositive } from './feedback.ts';
import { checkGptq, type GptqSettings, type Matrix, type QuantizedMatrix } from './gptq.ts';

/** Fewer columns make the products inefficient, more the work between them. */
const BLOCK_COLUMNS = 64;
/** Rows in the kernels' memory at a time, a multiple of 4; their columns do not lie a power of two apart. */
const ROWS = 248;
/** What they may take of it: wide matrices go in fewer rows. */
const CHUNK_BYTES = 64 * 1024 * 1024;
/** Per weight: float64 as it changes, float32 as given and as fitted, its code. */
const BYTES_PER_WEIGHT = 8 + 4 + 4 + 1;

/** As `gptq`, and as soon cancelled as a block of columns is done. @throws as `gptq` */
export function gptqOnWasm(
  kernels: Kernels,
  weights: Matrix,
  hessian: Float64Array,
  settings: GptqSettings,
  signal?: AbortSignal,
): QuantizedMatrix {
  checkGptq(weights, hessian, settings);
  const { values, rows, columns } = weights;
  const checkpoint = (): void => throwIfCancelled(signal, 'GPTQ');
  const feedback = feedbackOf(hessian, columns, settings, (h, n) => {
    const failed = choleskyFactor(kernels, h, n, checkpoint);
    if (failed >= 0) throw notPositive(failed, n);
  });
  const collected = new CodesByRow(weights, settings, feedback.order);
  const step = Math.min(ROWS, 4 * Math.max(1, Math.floor(CHUNK_BYTES / (4 * columns * BYTES_PER_WEIGHT))));
  for (let first = 0; first < rows; first += step) {
    const count = Math.min(step, rows - first);
    const chunk = { values: values.subarray(first * columns, (first + count) * columns), rows: count, columns };
    const found = kernels.arena.scoped(() => quantizeRows(kernels, chunk, feedback, settings, checkpoint));
    collected.add({ ...found, firstRow: first });
  }
  return collected.result();
}

function quantizeRows(
  kernels: Kernels,
  { values, rows, columns }: Matrix,
  { order, factor }: Feedback,
  settings: GptqSettings,
  checkpoint: () => void,
): Omit<ColumnCodes, 'firstRow'> {
  const { run, arena } = kernels;
  const { bits, symmetric, rangeSearch, actOrder } = settings;
  const size = settings.groupSize ?? columns;
  const groups = columns / size;
  const padded = Math.ceil(rows / 4) * 4;
  const fixed = actOrder ? affineGrids(kernels, values, size, settings, checkpoint) : null;
  const wide = padded * 8;
  const step = panelStep(columns);
  const w = arena.alloc(columns * wide);
  const given = arena.alloc(columns * padded * 4);
  const codes = arena.alloc(columns * padded);
  const lost = arena.alloc(BLOCK_COLUMNS * wide);
  const [scales, zeros] = [arena.alloc(groups * padded * 4), arena.alloc(groups * padded * 4)];
  const group = arena.alloc(padded * size * 4);
  const panel = arena.alloc(BLOCK_COLUMNS * step);
  const gridOf = arena.alloc(columns * 4);
  const packed = arena.alloc(BLOCK_COLUMNS * PACKED_BYTES);

  byColumn(values, order, rows, arena.f64(w, columns * padded));
  byColumn(values, order, rows, arena.f32(given, columns * padded));
  arena.u32(gridOf, columns).set(order.map((column) => Math.floor(column / size)));
  if (fixed !== null) {
    const byGroup = Uint32Array.from({ length: groups }, (_, i) => i);
    byColumn(fixed.scales, byGroup, rows, arena.f32(scales, groups * padded));
    byColumn(fixed.zeros, byGroup, rows, arena.f32(zeros, groups * padded));
  }
  for (const { first, end, fits } of blocksOf(columns, settings, BLOCK_COLUMNS)) {
    checkpoint();
    if (fits !== null) {
      const at = fits * padded * 4;
      run.rowsOfColumns(w + first * wide, padded, size, group);
      run.affineGrids(group, padded, size, bits, symmetric, rangeSearch, scales + at, zeros + at);
    }
    for (let i = first; i < end; i++)
      arena
        .f64(panel + (i - first) * step, columns - first)
        .set(factor.subarray(i * columns + first, (i + 1) * columns));
    const at = first * padded;
    const grid = gridOf + first * 4;
    run.gptqColumns(
      w + at * 8,
      given + at * 4,
      lost,
      codes + at,
      padded,
      end - first,
      panel,
      step,
      grid,
      scales,
      zeros,
      bits,
    );
    const after = panel + (end - first) * 8;
    run.subtractProduct(w + end * wide, wide, columns - end, padded, after, lost, step, wide, end - first, packed);
  }
  return {
    rows,
    step: padded,
    codes: arena.u8(codes, columns * padded),
    scales: arena.f32(scales, groups * padded),
    zeros: arena.f32(zeros, groups * padded),
  };
}
