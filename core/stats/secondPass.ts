// The second look, inside a worker: histogram and outlier counts of elements whose range and spread are known by now.

import { readElements, readWindow } from '../decode/elements.ts';
import type { TaskContext } from '../kernels/task.ts';
import type { Kernels } from '../kernels/wasm.ts';
import type { TensorSource } from '../tensor/storage.ts';
import { type Beyond, BINS, type Limits, noBeyond } from './figures.ts';
import { chunkRows, chunkVector, type Layout, type Rect } from './layout.ts';

/** Below this, clearing and adding up 65,536 counts of pairs costs more than they save. */
const FEWEST_FOR_PAIRS = 1 << 18;
const PAIRS = BINS * BINS;

/** Looks again at elements still in scratch. */
export function lookAgain(context: TaskContext, values: number, count: number, limits: Limits): Beyond {
  return withCounters(context.kernels, limits, count, (look) => {
    for (let at = 0; at < count; at += chunkVector()) {
      context.checkpoint();
      look(values + at * 4, Math.min(chunkVector(), count - at));
    }
  });
}

/** Reads one part again. */
export function secondPass(
  context: TaskContext,
  source: TensorSource,
  layout: Layout,
  part: Rect,
  limits: Limits,
): Beyond {
  const { kernels } = context;
  const width = part.column1 - part.column0;
  const elements = (part.row1 - part.row0) * width;
  return withCounters(kernels, limits, elements, (look) => {
    if (layout.kind === 'vector') {
      for (let at = part.column0; at < part.column1; at += chunkVector()) {
        context.checkpoint();
        const count = Math.min(chunkVector(), part.column1 - at);
        kernels.arena.scoped(() => look(readElements(kernels, source, at, count), count));
      }
      return;
    }
    const step = chunkRows(width);
    for (let row = part.row0; row < part.row1; row += step) {
      context.checkpoint();
      const rows = Math.min(step, part.row1 - row);
      kernels.arena.scoped(() => {
        const values =
          layout.kind === 'rows'
            ? readElements(kernels, source, row * width, rows * width)
            : readWindow(kernels, source, row, rows, part.column0, width);
        look(values, rows * width);
      });
    }
  });
}

function withCounters(
  kernels: Kernels,
  limits: Limits,
  elements: number,
  body: (look: (values: number, count: number) => void) => void,
): Beyond {
  const { run, arena } = kernels;
  return arena.scoped(() => {
    const packed = arena.alloc(64);
    const single = limits.hasNonFinite || elements < FEWEST_FOR_PAIRS;
    const pairs = arena.alloc(single ? 0 : PAIRS * 4);
    const bins = arena.alloc(BINS * 4);
    const beyond = arena.alloc(24);
    arena.f64(packed, 2).set([limits.min, limits.scale]);
    arena.f32(packed + 16, 9).set(thresholds(limits));
    arena.u32(pairs, single ? 0 : PAIRS).fill(0);
    arena.u32(bins, BINS).fill(0);
    arena.u32(beyond, 6).fill(0);
    body((values, count) => run.secondLook(values, count, packed, pairs, bins, beyond, single ? 1 : 0));
    const found = noBeyond();
    found.histogram.set(arena.u32(bins, BINS));
    if (!single) addPairs(arena.u32(pairs, PAIRS), found.histogram);
    arena.u32(beyond, 6).forEach((count, i) => {
      found.beyond[i] = count;
    });
    return found;
  });
}

function addPairs(pairs: Uint32Array, histogram: Float64Array): void {
  for (let first = 0; first < BINS; first++)
    for (let second = 0; second < BINS; second++) {
      const count = pairs[first + BINS * second] ?? 0;
      histogram[first] = (histogram[first] ?? 0) + count;
      histogram[second] = (histogram[second] ?? 0) + count;
    }
}

/** float32 x > t exactly when x > the largest float32 not above t; the kernel compares with those. */
function thresholds(limits: Limits): number[] {
  const [m3, m5, m7, m10] = limits.multiples;
  const { high3, low3, high6, low6 } = limits;
  const least = Math.min(high3, -low3, high6, -low6, m3);
  return [
    notAbove(high3),
    -notAbove(-low3),
    notAbove(high6),
    -notAbove(-low6),
    notAbove(m3),
    notAbove(m5),
    notAbove(m7),
    notAbove(m10),
    notAbove(least),
  ];
}

const word = new DataView(new ArrayBuffer(4));

/** The largest float32 ≤ value. */
export function notAbove(value: number): number {
  const rounded = Math.fround(value);
  if (!(rounded > value)) return rounded;
  word.setFloat32(0, rounded);
  const bits = word.getInt32(0);
  // rounded > value: step towards −∞; below zero that is away from zero.
  word.setInt32(0, rounded > 0 ? bits - 1 : rounded === 0 ? -0x7fffffff : bits + 1);
  return word.getFloat32(0);
}
