// Beside what the plan is predicted to cost, what it really does to the predictions: run and compared on demand.

import { type ReactNode, useMemo, useState } from 'react';
import type { PlanMeasure } from '../../../core/protocol/calibration.ts';
import { currentPlan } from '../../app/comparison.ts';
import { useModel, useSession, useView } from '../../app/context.ts';
import { codeOf, keep, keptPlan, planKey, sameBasis } from '../../app/keptPlans.ts';
import { ProvenanceNote } from '../../app/ProvenanceNote.tsx';
import { RunSettingsForm } from '../../app/RunSettingsForm.tsx';
import { useMeasureBasis } from '../../app/useComparison.ts';
import { useDamageWords } from '../../app/useDamageWords.ts';
import { useRested } from '../../app/useRested.ts';
import { bitsPerWeight, bytes, figure, percent } from '../../charts/numberFormat.ts';
import { Failed, TaskBar } from '../../ui/states.tsx';
import { Button } from '../../ui/toolkit.tsx';
import { SameTextNote } from '../compare/SameTextNote.tsx';

/** As long as the budget moves, the plan shown is compared a moment later. */
const REST_MS = 150;

export function PlanMeasurement(): ReactNode {
  const session = useSession();
  const solution = useModel((s) => s.solution);
  const names = useModel((s) => s.table?.names ?? null);
  const task = useModel((s) => s.tasks.measure);
  const basis = useMeasureBasis();
  const { settings } = basis;
  const comparison = useView((v) => v.comparison);
  const score = useModel((s) => s.solvedRequest?.score ?? null);
  const words = useDamageWords();
  const [kept, setKept] = useState('');
  const rested = useRested(solution, REST_MS);
  const key = useMemo(
    () => (rested === null || names === null ? null : planKey(codeOf(rested, names))),
    [rested, names],
  );
  if (solution === null || names === null) return null;
  const running = task.status === 'running';
  const onThese = comparison.measures.filter((entry) => sameBasis(entry, basis));
  const fresh = onThese.find((entry) => entry.plan === key)?.measure ?? null;
  // The last plan measured still tells where this one comes from, as long as it says that it is another.
  const shown = fresh ?? onThese.find((entry) => entry.measure.label === 'this plan')?.measure ?? null;

  function keepThis(): void {
    if (solution === null || names === null) return;
    const label = `${bitsPerWeight(solution.bitsPerWeight)} bpw, ${bytes(solution.bytes)}`;
    const plan = keptPlan(label, solution, score, names);
    if (plan !== null) session.view.set((v) => ({ comparison: keep(v.comparison, plan) }));
    setKept(plan === null ? 'Too many tensors to remember a plan of.' : 'Kept: see Compare.');
  }

  return (
    <section aria-label="Predicted and measured" data-testid="plan-measurement">
      <h3>Predicted and measured</h3>
      <dl className="figure-grid plan-figures" data-testid="plan-figures">
        <div title={words.meaning}>
          <dt>predicted {words.short}</dt>
          <dd>{figure(solution.damage)}</dd>
        </div>
        <Measured measure={shown} />
      </dl>
      {shown === null ? (
        <p className="hint">Not measured on this text yet.</p>
      ) : fresh === null ? (
        <p className="notice warning inline" role="status" data-testid="measure-stale">
          <span className="pill warning">stale</span> Measured before the plan changed: those figures are of{' '}
          {bytes(shown.bytes)}, {bitsPerWeight(shown.bitsPerWeight)} bits per weight.
        </p>
      ) : null}
      <RunSettingsForm
        id="measure"
        settings={settings}
        disabled={running}
        onChange={(measureOn) => session.view.set({ measureOn })}
      />
      <SameTextNote />
      {running ? (
        <TaskBar task={task} title="Measuring" testId="task-measuring" onCancel={() => session.cancel('measure')} />
      ) : null}
      {task.failure === null ? null : <Failed failure={task.failure} />}
      <div className="button-row">
        <Button
          appearance="primary"
          testId="measure-plan"
          disabled={running || fresh !== null}
          onClick={() => void session.runs.measure([currentPlan(solution, names)])}
        >
          Measure this plan
        </Button>
        <Button testId="keep-plan" onClick={keepThis}>
          Keep for comparison
        </Button>
        <span className="hint" role="status">
          {kept}
        </span>
      </div>
      <ProvenanceNote
        provenance={shown?.provenance ?? null}
        stale={shown !== null && fresh === null}
        testId="measure-provenance"
      />
    </section>
  );
}

function Measured(props: { measure: PlanMeasure | null }): ReactNode {
  const { measure } = props;
  if (measure === null) return null;
  const { divergence } = measure;
  const figures: readonly (readonly [label: string, text: string, error: string, meaning: string])[] = [
    [
      'measured KL',
      figure(divergence.mean),
      `± ${figure(divergence.error)}`,
      `KL(original ‖ plan), nats per token, ± standard error; 99 % of tokens below ${figure(divergence.p99)}, 99.9 % below ${figure(divergence.p999)}`,
    ],
    [
      'same top token',
      percent(measure.topAgreement),
      `± ${(100 * measure.topAgreementError).toFixed(2)}`,
      'how often the likeliest token is that of the original',
    ],
    [
      'perplexity',
      figure(measure.perplexity),
      `± ${figure(measure.perplexityError)}`,
      `of the original: ${figure(measure.originalPerplexity)}`,
    ],
  ];
  return figures.map(([label, text, error, meaning]) => (
    <div key={label} title={meaning} data-testid={`measured-${label.replaceAll(' ', '-')}`}>
      <dt>{label}</dt>
      <dd>
        {text} <span className="hint">{error}</span>
      </dd>
    </div>
  ));
}
