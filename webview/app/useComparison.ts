// The plans being compared, for whoever shows one.

import { useMemo } from 'react';
import { type ComparedPlan, comparedPlans } from './comparison.ts';
import { useModel, useView } from './context.ts';
import { calibrationKey, type MeasureBasis } from './keptPlans.ts';
import { useRested } from './useRested.ts';

/** A drag over many tensors comes first; who is compared follows a moment later. */
const REST_MS = 150;
const NONE: readonly never[] = [];

export function useComparison(): readonly ComparedPlan[] {
  const solution = useRested(
    useModel((s) => s.solution),
    REST_MS,
  );
  const rivals = useModel((s) => s.rivals ?? NONE);
  const names = useModel((s) => s.table?.names ?? NONE);
  const comparison = useView((v) => v.comparison);
  const score = useModel((s) => s.solvedRequest?.score ?? null);
  const basis = useMeasureBasis();
  return useMemo(
    () => comparedPlans({ solution, rivals, comparison, names, score, basis }),
    [solution, rivals, comparison, names, score, basis],
  );
}

/** What plans measured now would be measured on. */
export function useMeasureBasis(): MeasureBasis {
  const settings = useView((v) => v.measureOn);
  const calibration = useModel((s) => calibrationKey(s.calibration));
  return useMemo(() => ({ settings, calibration }), [settings, calibration]);
}
