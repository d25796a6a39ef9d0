// The tensor table as CSV: what each row shows, and every figure measured so far, in full precision.

import type { TensorTable } from '../../core/protocol/objects.ts';
import type { Solution } from '../../core/protocol/plan.ts';
import { csvText } from '../charts/figureRows.ts';
import type { Metric } from './metrics.ts';
import { storedBits } from './storedAs.ts';
import { STATISTIC_KEYS, type StatisticsColumns } from './tensorFigures.ts';

export interface CsvSources {
  readonly table: TensorTable;
  readonly statistics: StatisticsColumns;
  readonly solution: Solution | null;
  /** Of importance matrices: share of the energy in the largest columns; null for weights. */
  readonly energy: Float64Array | null;
  readonly metric: Metric;
  readonly values: Float64Array;
}

/** @param tensors  indices in the order wanted */
export function tensorsCsv(tensors: readonly number[], sources: CsvSources): string {
  const { table, statistics, solution, energy, metric, values } = sources;
  // The metric has its own column unless another one is the same.
  const known: readonly string[] = [...STATISTIC_KEYS, 'energyTop1', 'importanceMean', 'storedBits'];
  const extra = known.includes(metric.id) ? [] : [metric.id];
  const facts = ['name', 'dtype', 'scheme', 'shape', 'layer', 'role', 'parameters', 'bytes', 'bitsPerWeight'];
  const labels = [...facts, ...(energy === null ? [] : ['energyTop1']), ...extra, ...STATISTIC_KEYS];
  const rows = tensors.map((t) => {
    const name = table.names[t] ?? '';
    const layer = table.layers[t] ?? -1;
    return [
      name,
      table.dtypes[t] ?? '',
      table.schemes[t] ?? '',
      (table.shapes[t] ?? []).join('×'),
      layer < 0 ? '' : layer,
      table.roles[t] ?? '',
      table.elements[t] ?? 0,
      table.bytes[t] ?? 0,
      storedBits(table, t),
      ...(energy === null ? [] : [energy[t] ?? Number.NaN]),
      ...extra.map(() => values[t] ?? Number.NaN),
      ...STATISTIC_KEYS.map((key) => statistics.columns[key][t] ?? Number.NaN),
      solution === null ? '' : (solution.tensors[name]?.type ?? 'kept'),
    ];
  });
  return csvText([...labels, 'plan'], rows);
}
