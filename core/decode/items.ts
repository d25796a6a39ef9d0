// Stored items on a grid of strides, brought into memory the cheapest way: one span, the whole part, or runs of a slab.

import { MAX_KEPT_PART_BYTES } from '../base/limits.ts';
import { fileIdentity, keepBytes, keptBytes, makeRoom } from '../io/keptBytes.ts';
import type { Extent } from '../tensor/storage.ts';
import { checkRange, type FilePaths, pathOf, readExtent } from './extent.ts';

/** One dimension of a grid: which of its indices are wanted, and how far apart they are stored. */
export interface Axis {
  /** Indices are 0 … size − 1. */
  readonly size: number;
  /** In items; 0 repeats. */
  readonly stride: number;
  /** Wanted: from ≤ index < to, at least one. */
  readonly from: number;
  readonly to: number;
}

/** Item (i, j, …) lies at item `origin` + i · strides[0] + j · strides[1] + … of `bytes`; not to be written to. */
export interface Items {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly origin: number;
  readonly strides: readonly number[];
}

/** Parts up to this size are read once and kept: row after row of a tile asks for the same few scales. */
const SMALL_PART_BYTES = 1 << 18;
/** A span may hold this many times what is wanted of it. */
const WASTE = 2;
/** Longest run worth reading ahead: longer ones cost more to move than a read call costs. */
const RUN_BYTES = 1 << 14;
/** Gaps of up to so many items are read along with a run. */
const MAX_GAP = 4;

/**
 * @param start position of item (0, 0, …) in the extent, in items
 * @throws PACKING_INVALID when an item lies outside the extent, and what reading throws
 */
export function readItems(
  files: FilePaths,
  extent: Extent,
  itemBytes: number,
  start: number,
  axes: readonly Axis[],
): Items {
  let first = start;
  let span = 1;
  let wanted = 1;
  for (const { stride, from, to } of axes) {
    first += from * stride;
    span += (to - from - 1) * stride;
    if (stride !== 0) wanted *= to - from;
  }
  checkRange(pathOf(files, extent), extent, first * itemBytes, span * itemBytes);
  const keepable = extent.bytes <= MAX_KEPT_PART_BYTES;
  const compact = span <= WASTE * wanted;
  const strides = axes.map(({ stride }) => stride);
  if (extent.bytes <= SMALL_PART_BYTES || (keepable && (!compact || extent.deflated !== undefined)))
    return { bytes: wholePart(files, extent), origin: start, strides };
  if (compact) {
    const bytes = new Uint8Array(span * itemBytes);
    readExtent(files, extent, first * itemBytes, bytes);
    return { bytes, origin: start - first, strides };
  }
  return slab(files, extent, itemBytes, start, axes);
}

/** All bytes of an extent, kept for the next time. */
export function wholePart(files: FilePaths, extent: Extent): Uint8Array<ArrayBuffer> {
  const key = `${fileIdentity(pathOf(files, extent))}\n${extent.offset}\n${extent.bytes}\n${extent.deflated ?? ''}`;
  const known = keptBytes(key);
  if (known !== undefined) return known.bytes;
  makeRoom(extent.bytes);
  const bytes = new Uint8Array(extent.bytes);
  readExtent(files, extent, 0, bytes);
  keepBytes(key, { bytes, from: 0, to: extent.bytes });
  return bytes;
}

/**
 * Items far apart: one read per run along the axis stored closest together. The runs reach past what is wanted, because
 * the next call usually asks for what follows (the next rows of a matrix stored by columns), and are kept.
 */
function slab(files: FilePaths, extent: Extent, itemBytes: number, start: number, axes: readonly Axis[]): Items {
  const along = closestAxis(axes);
  const axis = axes[along] as Axis; // closestAxis gives an index of axes
  const gap = axis.stride <= MAX_GAP ? axis.stride : 1;
  const others = axes.map(({ stride, from, to }, i) => (i === along || stride === 0 ? 1 : to - from));
  const runs = others.reduce((product, count) => product * count, 1);
  const key = `${fileIdentity(pathOf(files, extent))}\n${extent.offset}\n${itemBytes}\n${start}\n${along}\n${axes
    .map(({ stride, from, to }, i) => (i === along ? stride : `${stride} ${from} ${to}`))
    .join()}`;
  let found = keptBytes(key);
  if (found === undefined || found.from > axis.from || found.to < axis.to) {
    const affordable = Math.floor(MAX_KEPT_PART_BYTES / (runs * gap * itemBytes));
    const ahead = Math.min(affordable, Math.ceil(RUN_BYTES / (gap * itemBytes)), axis.size - axis.from);
    const count = Math.max(axis.to - axis.from, ahead);
    const size = runs * count * gap * itemBytes;
    makeRoom(size);
    const bytes = new Uint8Array(size);
    readRuns(files, extent, itemBytes, start, axes, along, count, bytes);
    found = { bytes, from: axis.from, to: axis.from + count };
    if (size <= MAX_KEPT_PART_BYTES) keepBytes(key, found);
  }
  const count = found.to - found.from;
  const strides = compactStrides(axes, along, count * gap, gap);
  const origin = -axes.reduce((sum, { from }, i) => sum + (i === along ? found.from : from) * (strides[i] ?? 0), 0);
  return { bytes: found.bytes, origin, strides };
}

function readRuns(
  files: FilePaths,
  extent: Extent,
  itemBytes: number,
  start: number,
  axes: readonly Axis[],
  along: number,
  count: number,
  bytes: Uint8Array,
): void {
  const { stride, from } = axes[along] as Axis;
  const gap = stride <= MAX_GAP ? stride : 1;
  const runBytes = count * gap * itemBytes;
  const others = axes.filter((axis, i) => i !== along && axis.stride !== 0);
  const index = others.map((axis) => axis.from);
  for (let at = 0; at < bytes.length; at += runBytes) {
    const first = start + from * stride + others.reduce((sum, axis, i) => sum + (index[i] ?? 0) * axis.stride, 0);
    if (gap === stride) {
      const end = at + ((count - 1) * stride + 1) * itemBytes;
      readExtent(files, extent, first * itemBytes, bytes.subarray(at, end));
    } else {
      for (let i = 0; i < count; i++) {
        const to = at + i * itemBytes;
        readExtent(files, extent, (first + i * stride) * itemBytes, bytes.subarray(to, to + itemBytes));
      }
    }
    step(others, index);
  }
}

/** The next index in row-major order. */
function step(axes: readonly Axis[], index: number[]): void {
  for (let i = axes.length - 1; i >= 0; i--) {
    const { from, to } = axes[i] as Axis;
    index[i] = (index[i] ?? 0) + 1;
    if ((index[i] ?? 0) < to) return;
    index[i] = from;
  }
}

function closestAxis(axes: readonly Axis[]): number {
  let closest = 0;
  let least = Infinity;
  axes.forEach(({ stride, size }, i) => {
    if (stride === 0 || size === 1 || stride >= least) return;
    least = stride;
    closest = i;
  });
  return closest;
}

/** Runs one after the other, in row-major order of the other axes. */
function compactStrides(axes: readonly Axis[], along: number, run: number, gap: number): number[] {
  const strides = axes.map(() => 0);
  let stride = run;
  for (let i = axes.length - 1; i >= 0; i--) {
    const axis = axes[i] as Axis;
    if (i === along) strides[i] = gap;
    else if (axis.stride !== 0) {
      strides[i] = stride;
      stride *= axis.to - axis.from;
    }
  }
  return strides;
}
