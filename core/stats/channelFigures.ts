// |x|max and kurtosis of rows and columns from their moment sums, pooled where there are more than a profile stores.

import { excessKurtosis, type Moments, mergeMoments } from '../kernels/moments.ts';

/** One entry per row or column, or per group of neighbours: the largest of the group. */
export interface ChannelFigures {
  readonly absMax: Float32Array<ArrayBuffer>;
  readonly kurtosis: Float32Array<ArrayBuffer>;
}

/** n, mean, M2, M3, M4, |x|max: what the kernels keep of a row or a column. */
export const CHANNEL_NUMBERS = 6;

export function noChannels(length: number): ChannelFigures {
  return { absMax: new Float32Array(length), kurtosis: new Float32Array(length).fill(NaN) };
}

export function momentsAt(state: Float64Array, row: number): Moments {
  const at = row * CHANNEL_NUMBERS;
  return {
    n: state[at] ?? 0,
    mean: state[at + 1] ?? 0,
    m2: state[at + 2] ?? 0,
    m3: state[at + 3] ?? 0,
    m4: state[at + 4] ?? 0,
  };
}

/** Finishes rows from six numbers each, pooled into groups. */
export function finishRows(state: Float64Array, rows: number, group: number): ChannelFigures {
  const length = Math.ceil(rows / group);
  const out = noChannels(length);
  for (let row = 0; row < rows; row++)
    keepLargest(out, Math.floor(row / group), momentsAt(state, row), state[row * CHANNEL_NUMBERS + 5] ?? 0);
  return out;
}

/** Finishes columns from six arrays, pooled into groups. */
export function finishColumns(state: Float64Array, columns: number, group: number): ChannelFigures {
  const step = state.length / CHANNEL_NUMBERS;
  const length = Math.ceil(columns / group);
  const out = noChannels(length);
  for (let c = 0; c < columns; c++)
    keepLargest(out, Math.floor(c / group), columnMoments(state, step, c), state[5 * step + c] ?? 0);
  return out;
}

export function keepLargest(out: ChannelFigures, at: number, { n, mean, m2, m4 }: Moments, absMax: number): void {
  if (absMax > (out.absMax[at] ?? 0)) out.absMax[at] = absMax;
  const kurtosis = excessKurtosis(n, mean, m2, m4);
  const known = out.kurtosis[at] ?? NaN;
  if (Number.isNaN(known) || kurtosis > known) out.kurtosis[at] = kurtosis;
}

/** Two sets of columns' six arrays over different rows, merged into the first. */
export function mergeColumnStates(into: Float64Array, more: Float64Array): void {
  const columns = into.length / CHANNEL_NUMBERS;
  const at = (state: Float64Array, k: number, c: number): number => state[k * columns + c] ?? 0;
  for (let c = 0; c < columns; c++) {
    const merged = mergeMoments(columnMoments(into, columns, c), columnMoments(more, columns, c));
    into[c] = merged.n;
    into[columns + c] = merged.mean;
    into[2 * columns + c] = merged.m2;
    into[3 * columns + c] = merged.m3;
    into[4 * columns + c] = merged.m4;
    into[5 * columns + c] = Math.max(at(into, 5, c), at(more, 5, c));
  }
}

function columnMoments(state: Float64Array, step: number, c: number): Moments {
  return {
    n: state[c] ?? 0,
    mean: state[step + c] ?? 0,
    m2: state[2 * step + c] ?? 0,
    m3: state[3 * step + c] ?? 0,
    m4: state[4 * step + c] ?? 0,
  };
}

/** Two sets of rows' six numbers over different columns, merged into the first. */
export function mergeRowStates(into: Float64Array, more: Float64Array): void {
  for (let row = 0; row < into.length / CHANNEL_NUMBERS; row++) {
    const at = row * CHANNEL_NUMBERS;
    const { n, mean, m2, m3, m4 } = mergeMoments(momentsAt(into, row), momentsAt(more, row));
    into.set([n, mean, m2, m3, m4, Math.max(into[at + 5] ?? 0, more[at + 5] ?? 0)], at);
  }
}
