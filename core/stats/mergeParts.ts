// Puts the parts of one tensor together, always in the order of the parts.

import { type Moments, mergeMoments, NO_MOMENTS } from '../kernels/moments.ts';
import type { TensorSource } from '../tensor/storage.ts';
import {
  type ChannelFigures,
  finishColumns,
  finishRows,
  keepLargest,
  mergeColumnStates,
  mergeRowStates,
  momentsAt,
  noChannels,
} from './channelFigures.ts';
import {
  addBeyond,
  addLooks,
  type Beyond,
  finishFigures,
  type Limits,
  type Look,
  limitsOf,
  NO_LOOK,
  noBeyond,
} from './figures.ts';
import type { FirstPart } from './firstPass.ts';
import type { Layout } from './layout.ts';
import { beyondOfCounts, lookOfCounts, momentsOfCounts, occurring } from './patternCounts.ts';
import type { TensorProfile, TensorStatistics } from './statisticsTypes.ts';

export class Merge {
  readonly #source: TensorSource;
  readonly #layout: Layout;
  /** Parts that came before their turn. */
  readonly #early = new Map<number, FirstPart>();
  #next = 0;
  #look: Look = NO_LOOK;
  #moments: Moments = NO_MOMENTS;
  readonly #counts: Float64Array;
  #rowState: Float64Array | null = null;
  #columnState: Float64Array | null = null;
  readonly #rows: ChannelFigures[] = [];
  readonly #columns: ChannelFigures[] = [];
  #found: Beyond | null = null;

  constructor(source: TensorSource, layout: Layout) {
    this.#source = source;
    this.#layout = layout;
    this.#counts = new Float64Array(layout.patterns);
  }

  add(index: number, part: FirstPart): void {
    this.#early.set(index, part);
    for (let next = this.#early.get(this.#next); next !== undefined; next = this.#early.get(this.#next)) {
      this.#early.delete(this.#next);
      this.#next += 1;
      this.#append(next);
    }
  }

  #append(part: FirstPart): void {
    if (part.look !== null) this.#look = addLooks(this.#look, part.look);
    this.#moments = mergeMoments(this.#moments, part.moments);
    part.counts?.forEach((count, i) => {
      this.#counts[i] = (this.#counts[i] ?? 0) + count;
    });
    if (part.rows !== null) this.#rows.push(part.rows);
    if (part.columns !== null) this.#columns.push(part.columns);
    if (part.rowState !== null) {
      if (this.#rowState === null) this.#rowState = part.rowState;
      else mergeRowStates(this.#rowState, part.rowState);
    }
    if (part.columnState !== null) {
      if (this.#columnState === null) this.#columnState = part.columnState;
      else mergeColumnStates(this.#columnState, part.columnState);
    }
  }

  /** What a second look must compare with, or null when the counts already hold the answer. */
  limits(): Limits | null {
    if (this.#layout.patterns > 0) return null;
    if (this.#rowState !== null && this.#moments.n === 0) {
      for (let row = 0; row < this.#source.rows; row++)
        this.#moments = mergeMoments(this.#moments, momentsAt(this.#rowState, row));
    }
    return limitsOf(this.#look, this.#moments);
  }

  addLook(found: Beyond): void {
    this.#found ??= noBeyond();
    addBeyond(this.#found, found);
  }

  finish(): { statistics: TensorStatistics; profile: TensorProfile } {
    const count = this.#source.rows * this.#source.columns;
    let look = this.#look;
    let { n } = this.#moments;
    let moments = this.#moments;
    let found = this.#found ?? noBeyond();
    if (this.#layout.patterns > 0) {
      const values = occurring(this.#source.dtype, this.#counts);
      look = lookOfCounts(values);
      moments = momentsOfCounts(values, look);
      n = moments.n;
      found = beyondOfCounts(values, limitsOf(look, moments));
    }
    if (look.min === look.max && n > 0) {
      found.histogram.fill(0);
      found.histogram[0] = n; // equal elements: bins have no width
    }
    const rows = this.#rowFigures(look);
    const columns = this.#columnFigures();
    return {
      statistics: finishFigures(count, look, moments, found),
      profile: {
        histogram: found.histogram,
        rowAbsMax: rows.absMax,
        rowKurtosis: rows.kurtosis,
        columnAbsMax: columns.absMax,
        columnKurtosis: columns.kurtosis,
      },
    };
  }

  #rowFigures(look: Look): ChannelFigures {
    const { kind, rowGroup } = this.#layout;
    if (kind === 'vector') {
      const row = noChannels(1);
      const absMax = this.#moments.n === 0 ? 0 : Math.max(Math.abs(look.min), Math.abs(look.max));
      keepLargest(row, 0, this.#moments, absMax);
      return row;
    }
    if (this.#rowState !== null) return finishRows(this.#rowState, this.#source.rows, rowGroup);
    return concat(this.#rows);
  }

  #columnFigures(): ChannelFigures {
    if (this.#columnState === null) return concat(this.#columns);
    return finishColumns(this.#columnState, this.#source.columns, this.#layout.columnGroup);
  }
}

function concat(parts: readonly ChannelFigures[]): ChannelFigures {
  const only = parts[0];
  if (parts.length === 1 && only !== undefined) return only;
  const out = noChannels(parts.reduce((length, part) => length + part.absMax.length, 0));
  let at = 0;
  for (const part of parts) {
    out.absMax.set(part.absMax, at);
    out.kurtosis.set(part.kurtosis, at);
    at += part.absMax.length;
  }
  return out;
}
