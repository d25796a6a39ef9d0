// The Sensitivity lens: one question, several ways to answer it; the way chosen colours the grid.

import { type ReactNode, useEffect } from 'react';
import { useLensFigures, useModel, useSession, useView } from '../../app/context.ts';
import { scoreOf } from '../../app/metrics.ts';
import { MethodSwitch } from './MethodSwitch.tsx';
import { ScoreView } from './ScoreView.tsx';
import { WeightSensitivity } from './WeightSensitivity.tsx';

export function SensitivityView(): ReactNode {
  const { metric } = useLensFigures();
  const score = scoreOf(metric);
  useFreshMethods();
  return (
    <article data-testid="sensitivity">
      <MethodSwitch />
      {score === null ? <WeightSensitivity /> : <ScoreView key={score} id={score} />}
    </article>
  );
}

const REST_MS = 400;

/** What scores there are and what they would take, asked again whenever the settings rest. */
export function useFreshMethods(): void {
  const session = useSession();
  const settings = useView((v) => v.calibrateOn);
  const model = useModel((s) => s.summary?.model ?? null);
  useEffect(() => {
    void settings;
    if (model === null) return;
    const timer = setTimeout(() => session.runs.refreshMethods(), REST_MS);
    return () => clearTimeout(timer);
  }, [session, settings, model]);
}
