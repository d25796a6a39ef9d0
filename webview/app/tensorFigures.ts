// Statistics and sensitivity rows as columns: 100,000 tensors in a few typed arrays, filled as rows stream in.

import type * as z from 'zod';
import { type SensitivityRow, type StatisticsRow, zTarget } from '../../core/protocol/objects.ts';

export type Target = z.infer<typeof zTarget>;
export const TARGETS = zTarget.options;

export const STATISTIC_KEYS = [
  'min',
  'max',
  'mean',
  'std',
  'absMax',
  'rms',
  'kurtosis',
  'maxToMeanRatio',
  'outlierFraction3',
  'outlierFraction6',
  'zeros',
  'nan',
  'inf',
] as const;
export type StatisticKey = (typeof STATISTIC_KEYS)[number];

export interface StatisticsColumns {
  readonly rows: (StatisticsRow['statistics'] | undefined)[];
  readonly columns: Readonly<Record<StatisticKey, Float64Array>>;
  filled: number;
}

export function statisticsColumns(tensorCount: number): StatisticsColumns {
  const column = (): Float64Array => new Float64Array(tensorCount).fill(Number.NaN);
  const columns = Object.fromEntries(STATISTIC_KEYS.map((key) => [key, column()])) as Record<
    StatisticKey,
    Float64Array
  >;
  return { rows: new Array(tensorCount), columns, filled: 0 };
}

export function addStatistics(into: StatisticsColumns, rows: readonly StatisticsRow[]): void {
  for (const { tensor, statistics } of rows) {
    if (tensor >= into.rows.length) continue;
    if (into.rows[tensor] === undefined) into.filled++;
    into.rows[tensor] = statistics;
    for (const key of STATISTIC_KEYS) into.columns[key][tensor] = statistics[key];
  }
}

export interface DamageColumns {
  readonly rows: (SensitivityRow['damages'] | undefined)[];
  /** ‖W − Ŵ‖² / ‖W‖² per target type. */
  readonly relativeError: Readonly<Record<Target, Float64Array>>;
  filled: number;
}

export function damageColumns(tensorCount: number): DamageColumns {
  const column = (): Float64Array => new Float64Array(tensorCount).fill(Number.NaN);
  const relativeError = Object.fromEntries(TARGETS.map((type) => [type, column()])) as Record<Target, Float64Array>;
  return { rows: new Array(tensorCount), relativeError, filled: 0 };
}

export function addDamages(into: DamageColumns, rows: readonly SensitivityRow[]): void {
  for (const { tensor, damages } of rows) {
    if (tensor >= into.rows.length) continue;
    if (into.rows[tensor] === undefined) into.filled++;
    into.rows[tensor] = damages;
    for (const damage of damages) into.relativeError[damage.type][tensor] = damage.relativeError;
  }
}
