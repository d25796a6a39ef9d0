// Scores as columns, one set per method, filled as rows stream in.

import type { ScoreId, ScoreRow } from '../../core/protocol/calibration.ts';
import type { Provenance } from '../../core/protocol/objects.ts';

export interface ScoreColumns {
  readonly values: Float64Array;
  /** Standard errors; NaN where there is none. */
  readonly errors: Float64Array;
  /** Relative error of the hidden state after each later block. */
  readonly curves: Map<number, readonly number[]>;
  filled: number;
  /** Of the whole column: null until the last row is there. */
  provenance: Provenance | null;
}

export type Scores = Map<ScoreId, ScoreColumns>;

export function scoreColumns(tensorCount: number): ScoreColumns {
  return {
    values: new Float64Array(tensorCount).fill(Number.NaN),
    errors: new Float64Array(tensorCount).fill(Number.NaN),
    curves: new Map(),
    filled: 0,
    provenance: null,
  };
}

/** Rows of tensors the table does not have are left out. */
export function addScores(into: Scores, tensorCount: number, score: ScoreId, rows: readonly ScoreRow[]): void {
  const columns = into.get(score) ?? scoreColumns(tensorCount);
  into.set(score, columns);
  for (const { tensor, value, error, curve } of rows) {
    if (tensor >= tensorCount) continue;
    if (Number.isNaN(columns.values[tensor])) columns.filled++;
    columns.values[tensor] = value;
    columns.errors[tensor] = error;
    if (curve !== undefined) columns.curves.set(tensor, curve);
  }
}
