// What can colour the grid: formula, unit, default scale and where the figures come from, in one table.

import type { ScoreId, ScoreMethod } from '../../core/protocol/calibration.ts';
import type { TensorTable } from '../../core/protocol/objects.ts';
import type { Solution } from '../../core/protocol/plan.ts';
import type { Ramp } from '../charts/colorScale.ts';
import { bytes, cellFigure, count, percent } from '../charts/numberFormat.ts';
import { TYPE_BITS } from '../charts/typeBits.ts';
import { type ActivationFigure, type ActivationFigures, activationColumn } from './activationFigures.ts';
import type { Scores } from './scoreColumns.ts';
import { storedBits } from './storedAs.ts';
import type { DamageColumns, StatisticKey, StatisticsColumns, Target } from './tensorFigures.ts';
import type { Lens, ScaleKind } from './viewState.ts';

/** What the word damage means wherever a whole plan is weighed. */
export function damageMeaning(calibration: string | null): string {
  const error = calibration === null ? '‖W−Ŵ‖²/‖W‖²' : 'Σ E[x²]·(W−Ŵ)² / Σ E[x²]·W²';
  const data = calibration === null ? 'data-free' : `importance from ${calibration}`;
  return `estimated: parameter-weighted mean of ${error}, the output head at least a fifth; ${data}`;
}

export interface MetricSources {
  readonly table: TensorTable;
  readonly statistics: StatisticsColumns;
  readonly damages: DamageColumns;
  /** See SessionState. */
  readonly energy: Float64Array;
  readonly activations: ActivationFigures | null;
  readonly scores: Scores;
  readonly solution: Solution | null;
  readonly sensitivityType: Target;
}

export interface Metric {
  readonly id: string;
  readonly label: string;
  readonly formula: string;
  /** '' where the figure is a ratio. */
  readonly unit: string;
  readonly scale: ScaleKind;
  readonly ramp: Ramp;
  readonly source: 'header' | 'statistics' | 'sensitivity' | 'plan' | 'energy' | 'activations' | 'scores';
  /** One figure per tensor, NaN where there is none (yet). */
  column(sources: MetricSources): Float64Array;
  /** Short text for a cell. */
  text(value: number): string;
}

const statistic = (
  key: StatisticKey,
  label: string,
  formula: string,
  unit: string,
  scale: ScaleKind,
  text: (value: number) => string = cellFigure,
): Metric => ({
  id: key,
  label,
  formula,
  unit,
  scale,
  ramp: 'inferno',
  source: 'statistics',
  column: ({ statistics }) => statistics.columns[key],
  text,
});

/** Shares are spoken of in percent; the unit stands in the legend, so cells carry the number alone. */
const share = (value: number): string => percent(value).replace(/ %$/, '');

const lod: Metric = {
  id: 'lod5',
  label: 'layer outlier distribution, M = 5',
  formula: 'share of |w| > 5 · mean|w|',
  unit: '%',
  scale: 'log',
  ramp: 'inferno',
  source: 'statistics',
  column: ({ statistics }) =>
    Float64Array.from(statistics.rows, (row) => row?.layerOutlierDistribution[1] ?? Number.NaN),
  text: share,
};

const sigmas: Metric = {
  id: 'absMaxSigma',
  label: 'largest magnitude in σ',
  formula: 'max|w| / σ',
  unit: 'σ',
  scale: 'log',
  ramp: 'inferno',
  source: 'statistics',
  column: ({ statistics }) => statistics.columns.absMax.map((v, i) => v / (statistics.columns.std[i] ?? Number.NaN)),
  text: cellFigure,
};

const STATISTICS: readonly Metric[] = [
  statistic('maxToMeanRatio', 'max / mean', 'max|w| / mean|w|', '', 'log'),
  sigmas,
  statistic('absMax', 'largest magnitude', 'max|w|', 'weight', 'log'),
  statistic('outlierFraction6', 'beyond 6σ', 'share of |w − μ| > 6σ', '%', 'log', share),
  statistic('outlierFraction3', 'beyond 3σ', 'share of |w − μ| > 3σ', '%', 'log', share),
  lod,
  statistic('std', 'standard deviation', '√E[(w − μ)²]', 'weight', 'log'),
  statistic('kurtosis', 'excess kurtosis', 'E[(w − μ)⁴] / σ⁴ − 3', '', 'log'),
];

const header = (
  id: string,
  label: string,
  formula: string,
  unit: string,
  text: Metric['text'],
  ramp: Ramp,
  of: Metric['column'],
) => ({
  id,
  label,
  formula,
  unit,
  scale: 'log' as const,
  ramp,
  source: 'header' as const,
  column: of,
  text,
});

const HEADER: readonly Metric[] = [
  header(
    'parameters',
    'parameters',
    'elements of the tensor',
    'weights',
    count,
    'viridis',
    ({ table }) => table.elements,
  ),
  header(
    'bytes',
    'stored size',
    'bytes of the tensor in the file',
    'bytes',
    bytes,
    'viridis',
    ({ table }) => table.bytes,
  ),
  header(
    'storedBits',
    'stored bits per weight',
    '8 · bytes / elements',
    'bits',
    (v) => v.toFixed(2),
    'viridis',
    ({ table }) => table.bytes.map((_, t) => storedBits(table, t)),
  ),
];

const damage: Metric = {
  id: 'damage',
  label: 'relative error at a type',
  formula: '‖W − Ŵ‖² / ‖W‖²',
  unit: '',
  scale: 'log',
  ramp: 'inferno',
  source: 'sensitivity',
  column: ({ damages, sensitivityType }) => damages.relativeError[sensitivityType],
  text: cellFigure,
};

const chosenBits: Metric = {
  id: 'chosenBits',
  label: 'chosen type',
  formula: 'bits per weight of the type the plan gives',
  unit: 'bits',
  scale: 'log',
  ramp: 'viridis',
  source: 'plan',
  column: ({ table, solution }) =>
    Float64Array.from(table.names, (name) => {
      const assigned = solution?.tensors[name];
      return assigned === undefined ? Number.NaN : TYPE_BITS[assigned.type];
    }),
  text: cellFigure,
};

const chosenError: Metric = {
  ...damage,
  id: 'chosenError',
  label: 'relative error in the plan',
  source: 'plan',
  column: ({ table, solution }) =>
    Float64Array.from(table.names, (name) => solution?.tensors[name]?.relativeError ?? Number.NaN),
};

const chosenDamage: Metric = {
  ...chosenError,
  id: 'chosenDamage',
  label: 'part of the plan’s damage',
  formula: 'weight · ‖W − Ŵ‖² / ‖W‖², weights by parameters, the output head at least 1/5, sum 1',
  column: ({ table, solution }) =>
    Float64Array.from(table.names, (name) => solution?.tensors[name]?.damage ?? Number.NaN),
};

/** Of importance matrices, whose figures are mean squared activations E[x²], one per input column. */
const IMPORTANCE: readonly Metric[] = [
  { ...statistic('mean', 'mean importance', 'mean of E[x²] over the columns', '', 'log'), id: 'importanceMean' },
  {
    ...statistic('maxToMeanRatio', 'max / mean', 'largest E[x²] / mean E[x²]', '', 'log'),
    id: 'importanceRatio',
  },
  {
    id: 'energyTop1',
    label: 'energy in the top 1 %',
    formula: 'share of Σ E[x²] in the largest 1 % of columns (experts: the largest of each column)',
    unit: '%',
    scale: 'linear',
    ramp: 'inferno',
    source: 'energy',
    column: ({ energy }) => energy,
    text: share,
  },
  {
    ...statistic('kurtosis', 'excess kurtosis', 'of E[x²] over the columns: E[(y − μ)⁴] / σ⁴ − 3', '', 'log'),
    id: 'importanceKurtosis',
  },
];

/** Of the input of each tensor, over all tokens the model was run on. */
const activation = (key: ActivationFigure, label: string, formula: string, unit: string): Metric => ({
  id: `input:${key}`,
  label,
  formula,
  unit,
  scale: 'log',
  ramp: 'inferno',
  source: 'activations',
  column: ({ table, activations }) =>
    activations === null ? new Float64Array(table.names.length).fill(Number.NaN) : activationColumn(activations, key),
  text: cellFigure,
});

const ACTIVATIONS: readonly Metric[] = [
  activation('absMax', 'largest input', 'max|x| of the tensor’s input', 'activation'),
  activation('kurtosis', 'kurtosis of the input', 'E[(x − μ)⁴] / σ⁴ − 3, excess, of the tensor’s input', ''),
  activation('maxToMeanRatio', 'max / mean of the input', 'max|x| / mean|x| of the tensor’s input', ''),
  activation('channelRatio', 'largest channel', 'largest max|x| of a channel / the median channel’s', ''),
  activation('std', 'deviation of the input', '√E[(x − μ)²] of the tensor’s input', 'activation'),
];

/** Spoken of before the engine has told its own words. */
const SCORE_NAMES: Readonly<Record<ScoreId, readonly [label: string, formula: string]>> = {
  weightError: ['weight error', '‖W − Ŵ‖² / ‖W‖²'],
  activationError: ['activation-weighted error', 'Σ E[x²] (w − ŵ)² / Σ E[x²] w²'],
  hessianTrace: ['Hessian trace error', 'tr((W − Ŵ) H (W − Ŵ)ᵀ)'],
  gradientTimesError: ['gradient × error', '|g · (w − ŵ)|'],
  fisher: ['Fisher information', 'E[g²] (w − ŵ)²'],
  blockOutputError: ['block output error', '‖y − ŷ‖² / ‖y‖²'],
  measuredDivergence: ['measured KL divergence', 'KL(p ‖ p̂), one tensor at a time'],
  propagatedError: ['propagated error', '‖h − ĥ‖² / ‖h‖² after each later block'],
};

export function scoreMetricId(id: ScoreId): string {
  return `score:${id}`;
}

/** The score a metric shows; null for all other metrics. */
export function scoreOf(metric: Pick<Metric, 'id'>): ScoreId | null {
  const id = metric.id.startsWith('score:') ? metric.id.slice('score:'.length) : '';
  return Object.hasOwn(SCORE_NAMES, id) ? (id as ScoreId) : null;
}

const SCORES: readonly Metric[] = (Object.keys(SCORE_NAMES) as ScoreId[]).map((id) => ({
  id: scoreMetricId(id),
  label: SCORE_NAMES[id][0],
  formula: SCORE_NAMES[id][1],
  unit: '',
  scale: 'log',
  ramp: 'inferno',
  source: 'scores',
  column: ({ table, scores }) => scores.get(id)?.values ?? new Float64Array(table.names.length).fill(Number.NaN),
  text: cellFigure,
}));

/** An error at a type as it is counted once columns have an importance. */
export function weighed(metric: Metric, calibrated: boolean): Metric {
  return calibrated && (metric.id === 'damage' || metric.id === 'chosenError')
    ? { ...metric, formula: 'Σ E[x²]·(W − Ŵ)² / Σ E[x²]·W²' }
    : metric;
}

/** A score's metric in the engine's words. */
export function inWordsOf(metric: Metric, methods: readonly ScoreMethod[] | null): Metric {
  const method = methods?.find(({ id }) => scoreMetricId(id) === metric.id);
  return method === undefined ? metric : { ...metric, label: method.name, formula: method.formula, unit: method.unit };
}

const METRICS: Readonly<Record<string, Metric>> = Object.fromEntries(
  [
    ...STATISTICS,
    ...HEADER,
    ...IMPORTANCE,
    ...ACTIVATIONS,
    ...SCORES,
    damage,
    chosenBits,
    chosenDamage,
    chosenError,
  ].map((metric) => [metric.id, metric]),
);

export const LENS_METRICS: Readonly<Record<Lens, readonly string[]>> = {
  overview: ['parameters', 'bytes', 'storedBits', 'std', 'absMax'],
  outliers: ['maxToMeanRatio', 'absMaxSigma', 'absMax', 'outlierFraction6', 'outlierFraction3', 'lod5'],
  kurtosis: ['kurtosis', 'maxToMeanRatio'],
  activations: ACTIVATIONS.map(({ id }) => id),
  sensitivity: ['damage', ...SCORES.map(({ id }) => id)],
  allocation: ['chosenBits', 'chosenDamage', 'chosenError', 'damage'],
  compare: ['chosenBits', 'chosenDamage'],
  export: ['chosenBits', 'chosenDamage', 'chosenError'],
  importance: ['importanceMean', 'importanceRatio', 'energyTop1', 'importanceKurtosis'],
};

/** Cells carry the name of a type and the colour of its bits, whatever the scale. */
export function showsTypes({ id }: Metric): boolean {
  return id === 'chosenBits' || id === 'storedBits';
}

export function metricById(id: string): Metric | undefined {
  return Object.hasOwn(METRICS, id) ? METRICS[id] : undefined;
}

/** The metric a lens shows: what the user picked last there, else its first. */
export function lensMetric(lens: Lens, picked: string | undefined): Metric {
  const ids = LENS_METRICS[lens];
  const id = picked !== undefined && ids.includes(picked) ? picked : (ids[0] ?? 'parameters');
  return metricById(id) ?? sigmas;
}
