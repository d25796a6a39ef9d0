// What measured scores say an error costs, for the plans that ask for them.

import { pooledWeights } from '../allocation/pooledWeights.ts';
import { QuantscopeError } from '../base/errors.ts';
import type { ScoreId } from '../protocol/calibration.ts';
import type { SensitivityRow } from '../protocol/objects.ts';
import type { ScoreTable } from '../sensitivity/measureScore.ts';
import { scoreOf } from '../sensitivity/registry.ts';
import type { OpenModel } from './session.ts';

/**
 * Sensitivity rows with the weights of a score that was measured; as they are without one.
 * @throws PLAN_INVALID for scores that were not measured, or say too little of predictions to plan by
 */
export function weightedRows(model: OpenModel, id: ScoreId | undefined): SensitivityRow[] {
  const rows = [...model.sensitivity.values()];
  if (id === undefined) return rows;
  const table = neededTable(model, id);
  const known = rows.filter(({ tensor }) => Number.isFinite(table.rows.get(tensor)?.value));
  const weights = pooledWeights(
    known.map(({ tensor }) => ({
      ...weightOf(table, tensor),
      pool: model.checkpoint.tensors[tensor]?.role ?? 'other',
    })),
  );
  const byTensor = new Map(known.map(({ tensor }, at) => [tensor, weights[at] ?? 0]));
  return rows.map((row) => ({ ...row, weight: byTensor.get(row.tensor) }));
}

/** Changes with what `weightedRows` depends on besides the rows themselves. */
export function scoreKey({ scores }: OpenModel, id: ScoreId | undefined): string {
  return id === undefined ? '' : (scores.get(id)?.key ?? '');
}

function neededTable({ checkpoint, scores }: OpenModel, id: ScoreId): ScoreTable {
  const table = scores.get(id);
  if (table !== undefined && table.nats !== null) return table;
  const name = (scoreOf(id)?.name ?? id).toLowerCase();
  const fact =
    table === undefined ? 'has not been measured; run it first' : 'says too little of predictions to plan by';
  throw new QuantscopeError('PLAN_INVALID', `${checkpoint.name}: ${name} ${fact}`);
}

/** Nats per unit of relative error, and the standard error. */
function weightOf({ score, rows, nats }: ScoreTable, tensor: number): { value: number; error: number } {
  const { value = 0, error = 0, relativeError = 0 } = rows.get(tensor) ?? {};
  if (nats === null) return { value: 0, error: 0 };
  // A measured divergence is per unit of relative error already; a probe that changed nothing says nothing.
  const scale = scoreOf(score)?.plans === 'nats' ? 1 : relativeError > 0 ? nats / relativeError : 0;
  return { value: value * scale, error: error * scale };
}
