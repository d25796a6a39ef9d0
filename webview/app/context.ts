// The session every view reads, and the derived data several of them share.

import { createContext, useContext, useMemo } from 'react';
import { type ColorScale, colorScale } from '../charts/colorScale.ts';
import { type GridLayout, gridLayout } from '../charts/gridLayout.ts';
import { inWordsOf, lensMetric, type Metric, type MetricSources, weighed } from './metrics.ts';
import type { Session } from './session.ts';
import type { SessionState } from './sessionState.ts';
import { useStore } from './store.ts';
import type { ViewState } from './viewState.ts';

export const SessionContext = createContext<Session | null>(null);

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (session === null) throw new Error('no session in this tree');
  return session;
}

export function useModel<T>(select: (state: SessionState) => T): T {
  return useStore(useSession().state, select);
}

export function useView<T>(select: (state: ViewState) => T): T {
  return useStore(useSession().view, select);
}

const EMPTY_LAYOUT: GridLayout = {
  blocks: [],
  blockOf: new Int32Array(0),
  rowOf: new Int32Array(0),
  columnOf: new Int32Array(0),
};

export function useLayout(): GridLayout {
  const table = useModel((s) => s.table);
  // Every tensor of an importance matrix belongs to a matrix: there are no vectors to leave out.
  const importance = useImportance();
  const showVectors = useView((v) => v.showVectors) || importance;
  return useMemo(() => (table === null ? EMPTY_LAYOUT : gridLayout(table, showVectors)), [table, showVectors]);
}

/** Whether the file is an importance matrix: activations, not weights. */
export function useImportance(): boolean {
  return useModel((s) => (s.summary?.imatrix ?? null) !== null);
}

export interface LensFigures {
  readonly metric: Metric;
  readonly values: Float64Array;
  readonly scale: ColorScale;
}

/** The figures that colour the grid under the present lens. */
export function useLensFigures(): LensFigures {
  const table = useModel((s) => s.table);
  const statistics = useModel((s) => s.statistics);
  const damages = useModel((s) => s.damages);
  const solution = useModel((s) => s.solution);
  const energy = useModel((s) => s.energy);
  const activations = useModel((s) => s.activations);
  const scores = useModel((s) => s.scores);
  const methods = useModel((s) => s.scoreMethods);
  const version = useModel((s) => s.figuresVersion);
  const lens = useView((v) => v.lens);
  const remembered = useView((v) => v.metrics[v.lens]);
  const mixed = useMemo(() => table !== null && storesSeveralTypes(table), [table]);
  // In a file quantized before, the types themselves are the first thing to see.
  const picked = remembered ?? (lens === 'overview' && mixed ? 'storedBits' : undefined);
  const sensitivityType = useView((v) => v.sensitivityType);
  const scales = useView((v) => v.scales);
  const layout = useLayout();
  const calibrated = useModel((s) => s.calibration != null && !s.calibration.stale);
  const metric = useMemo(
    () => weighed(inWordsOf(lensMetric(lens, picked), methods), calibrated),
    [lens, picked, methods, calibrated],
  );
  const usesPlan = metric.source === 'plan' ? solution : null;
  return useMemo(() => {
    // Columns are filled in place; the version says when they moved.
    void version;
    if (table === null) return { metric, values: new Float64Array(0), scale: colorScale([], metric.scale) };
    const sources: MetricSources = {
      ...{ table, statistics, damages, energy, activations, scores, sensitivityType },
      solution: usesPlan,
    };
    // A copy: views memoize on it, and a column filled in place would look unchanged to them.
    const values = metric.column(sources).slice();
    // Only what the grid shows sets the domain: norm vectors would stretch it.
    const shown = values.filter((_, i) => (layout.blockOf[i] ?? -1) >= 0);
    return { metric, values, scale: colorScale(shown, scales[metric.id] ?? metric.scale, metric.ramp) };
  }, [
    table,
    statistics,
    damages,
    energy,
    activations,
    scores,
    usesPlan,
    version,
    metric,
    sensitivityType,
    scales,
    layout,
  ]);
}

/** The figure from which on cells are outlined, or null. Types are not measured against one. */
export function useThreshold(metric: Metric): number | null {
  return useView((v) => (metric.id === 'chosenBits' ? null : (v.thresholds[metric.id] ?? null)));
}

/** Whether the tensors a plan may change are stored in more than one type. */
function storesSeveralTypes(table: NonNullable<SessionState['table']>): boolean {
  let first: string | undefined;
  return table.dtypes.some((dtype, t) => {
    if (table.quantizable[t] !== 1) return false;
    first ??= dtype;
    return dtype !== first;
  });
}
