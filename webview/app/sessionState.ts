// What one open model looks like to the views: headers, figures as they arrive, tasks, plan.

import type { Calibration, Rival, ScoreMethod } from '../../core/protocol/calibration.ts';
import type { Result } from '../../core/protocol/calls.ts';
import type { Check, ExportResult, ModelSummary, Provenance, TensorTable } from '../../core/protocol/objects.ts';
import type { PlanRequest, Solution } from '../../core/protocol/plan.ts';
import type { ActivationFigures } from './activationFigures.ts';
import type { Failure } from './hostFailure.ts';
import type { Scores } from './scoreColumns.ts';
import { type DamageColumns, damageColumns, type StatisticsColumns, statisticsColumns } from './tensorFigures.ts';

export type TaskName = 'statistics' | 'sensitivity' | 'calibration' | 'score' | 'measure' | 'export';

export interface Task {
  readonly status: 'idle' | 'running' | 'done' | 'cancelled' | 'failed';
  readonly done: number;
  readonly total: number;
  readonly message: string;
  readonly secondsLeft: number | null;
  readonly failure: Failure | null;
  readonly provenance: Provenance | null;
  readonly seconds: number;
  readonly cached: number;
}

export const IDLE: Task = {
  status: 'idle',
  done: 0,
  total: 0,
  message: '',
  secondsLeft: null,
  failure: null,
  provenance: null,
  seconds: 0,
  cached: 0,
};

export type Pareto = Result<'pareto'>;

export interface SessionState {
  readonly phase: 'opening' | 'ready' | 'failed';
  readonly failure: Failure | null;
  readonly path: string;
  readonly summary: ModelSummary | null;
  readonly table: TensorTable | null;
  /** Filled in place; `figuresVersion` moves when they change. */
  readonly statistics: StatisticsColumns;
  readonly damages: DamageColumns;
  /** Of importance matrices: share of each tensor's energy in its largest 1 % of columns. */
  readonly energy: Float64Array;
  readonly figuresVersion: number;
  /** The calibration in use; undefined until the engine was asked. */
  readonly calibration: Calibration | null | undefined;
  readonly calibrationFailure: Failure | null;
  /** What running the model on that text showed; null before, and for imported matrices. */
  readonly activations: ActivationFigures | null;
  readonly activationsFailure: Failure | null;
  /** Filled in place, as the statistics are. */
  readonly scores: Scores;
  readonly scoreMethods: readonly ScoreMethod[] | null;
  readonly scoreMethodsFailure: Failure | null;
  /** Plans everyone knows, near the size of the present one. */
  readonly rivals: readonly Rival[] | null;
  readonly rivalsFailure: Failure | null;
  readonly tasks: Readonly<Record<TaskName, Task>>;
  readonly solution: Solution | null;
  /** Whether every assignment carries its reason. */
  readonly explained: boolean;
  readonly solvedRequest: PlanRequest | null;
  readonly solveFailure: Failure | null;
  /** From asking to the answer, as the user feels it. */
  readonly solveMs: number;
  readonly pareto: Pareto | null;
  readonly stale: string | null;
  readonly notice: string | null;
  readonly preflight: { readonly checks: readonly Check[]; readonly ok: boolean; readonly bytes: number } | null;
  readonly preflightFailure: Failure | null;
  readonly exported: ExportResult | null;
}

/** Before a model is open. */
export const NOTHING: Pick<
  SessionState,
  | 'summary'
  | 'table'
  | 'statistics'
  | 'damages'
  | 'energy'
  | 'calibration'
  | 'calibrationFailure'
  | 'activations'
  | 'activationsFailure'
  | 'scores'
  | 'scoreMethods'
  | 'scoreMethodsFailure'
  | 'rivals'
  | 'rivalsFailure'
  | 'tasks'
  | 'solution'
  | 'explained'
  | 'solvedRequest'
  | 'solveFailure'
  | 'pareto'
  | 'stale'
  | 'preflight'
  | 'preflightFailure'
  | 'exported'
  | 'failure'
> = {
  summary: null,
  table: null,
  statistics: statisticsColumns(0),
  damages: damageColumns(0),
  energy: new Float64Array(0),
  calibration: undefined,
  calibrationFailure: null,
  activations: null,
  activationsFailure: null,
  scores: new Map(),
  scoreMethods: null,
  scoreMethodsFailure: null,
  rivals: null,
  rivalsFailure: null,
  tasks: { statistics: IDLE, sensitivity: IDLE, calibration: IDLE, score: IDLE, measure: IDLE, export: IDLE },
  solution: null,
  explained: false,
  solvedRequest: null,
  solveFailure: null,
  pareto: null,
  stale: null,
  preflight: null,
  preflightFailure: null,
  exported: null,
  failure: null,
};

/** Smallest and largest file any plan under the present rules can make. */
export function feasibleInterval(state: Pick<SessionState, 'solution' | 'pareto'>) {
  const points = state.pareto?.points ?? [];
  const first = points[0];
  const last = points.at(-1);
  const fromCurve = first !== undefined && last !== undefined ? { minBytes: first.bytes, maxBytes: last.bytes } : null;
  const interval = state.solution?.feasible ?? fromCurve;
  if (interval === null || interval === undefined) return null;
  return interval;
}
