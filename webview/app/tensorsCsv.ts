// The tensor table as CSV: what each row shows, and every figure measured so far, in full precision.

import type { TensorTable } from '../../core/protocol/objects.ts';
import type { Solution } from '../../core/protocol/plan.ts';
import { csvText } from '../charts/figureRows.ts';
import type { Metric } from './metrics.ts';
import { STATISTIC_KEYS, type StatisticsColumns } from './tensorFigures.ts';

export interface CsvSources {
  readonly table: TensorTable;
  readonly statistics: StatisticsColumns;
  readonly solution: Solution | null;
  readonly metric: Metric;
  readonly values: Float64Array;
}

/** @param tensors  indices in the order wanted */
export function tensorsCsv(tensors: readonly number[], sources: CsvSources): string {
  const { table, statistics, solution, metric, values } = sources;
  // The metric has its own column unless it is one of the statistics anyway.
  const extra = (STATISTIC_KEYS as readonly string[]).includes(metric.id) ? [] : [metric.id];
  const labels = ['name', 'dtype', 'shape', 'layer', 'role', 'parameters', 'bytes', ...extra, ...STATISTIC_KEYS];
  const rows = tensors.map((t) => {
    const name = table.names[t] ?? '';
    const layer = table.layers[t] ?? -1;
    return [
      name,
      table.dtypes[t] ?? '',
      (table.shapes[t] ?? []).join('×'),
      layer < 0 ? '' : layer,
      table.roles[t] ?? '',
      table.elements[t] ?? 0,
      table.bytes[t] ?? 0,
      ...extra.map(() => values[t] ?? Number.NaN),
      ...STATISTIC_KEYS.map((key) => statistics.columns[key][t] ?? Number.NaN),
      solution === null ? '' : (solution.tensors[name]?.type ?? 'kept'),
    ];
  });
  return csvText([...labels, 'plan'], rows);
}
