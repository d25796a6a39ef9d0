// Plans in a table: this one, those kept, and what everybody would take at this size; the best only by measurement.

import { type ReactNode, useEffect } from 'react';
import { bestMeasured, currentPlan, defeat } from '../../app/comparison.ts';
import { useModel, useSession, useView } from '../../app/context.ts';
import { ProvenanceNote } from '../../app/ProvenanceNote.tsx';
import { RunSettingsForm } from '../../app/RunSettingsForm.tsx';
import { useComparison } from '../../app/useComparison.ts';
import { useDamageWords } from '../../app/useDamageWords.ts';
import { grouped } from '../../charts/numberFormat.ts';
import { Empty, Failed, TaskBar } from '../../ui/states.tsx';
import { Button } from '../../ui/toolkit.tsx';
import { BeatenNote } from './BeatenNote.tsx';
import { PlanTable } from './PlanTable.tsx';
import { SameTextNote } from './SameTextNote.tsx';

/** The budget may still be moving. */
const REST_MS = 400;

export function CompareView(): ReactNode {
  const session = useSession();
  const solution = useModel((s) => s.solution);
  const request = useModel((s) => s.solvedRequest);
  const failure = useModel((s) => s.rivalsFailure);
  const task = useModel((s) => s.tasks.measure);
  const settings = useView((v) => v.measureOn);
  const names = useModel((s) => s.table?.names ?? null);
  const plans = useComparison();
  const words = useDamageWords();
  useEffect(() => {
    if (request === null) return;
    const timer = setTimeout(() => session.runs.refreshRivals(request), REST_MS);
    return () => clearTimeout(timer);
  }, [session, request]);
  if (solution === null || names === null) {
    return <Empty>A comparison needs a plan, and a plan needs sensitivity: see the budget bar below.</Empty>;
  }
  const running = task.status === 'running';
  const missing = plans.filter(({ measure }) => measure === null);
  const best = bestMeasured(plans, solution.bytes);
  const beaten = defeat(plans);
  const last = plans.find(({ measure }) => measure !== null)?.measure ?? null;
  return (
    <article data-testid="compare">
      <p className="lead">
        What each plan does to the predictions of the model, measured on the same text: nothing is called better by its
        prediction alone.
      </p>
      {beaten === null ? null : <BeatenNote defeat={beaten} />}
      <PlanTable
        plans={plans}
        best={best}
        words={words}
        running={running}
        onMeasure={(plan) => void session.runs.measure([plan])}
      />
      {failure === null ? null : (
        <Failed
          failure={failure}
          action={{ label: 'Try again', run: () => request !== null && session.runs.refreshRivals(request) }}
        />
      )}
      <h3>Measured on</h3>
      <RunSettingsForm
        id="compare"
        settings={settings}
        disabled={running}
        onChange={(measureOn) => session.view.set({ measureOn })}
      />
      <SameTextNote />
      {running ? (
        <TaskBar
          task={task}
          title="Measuring plans"
          testId="task-comparing"
          onCancel={() => session.cancel('measure')}
        />
      ) : null}
      {task.status === 'cancelled' ? (
        <p className="notice inline" role="status">
          Cancelled. What was measured is kept, the others are still to be measured.
        </p>
      ) : null}
      {task.failure === null ? null : <Failed failure={task.failure} />}
      <div className="button-row">
        <Button
          appearance="primary"
          testId="measure-all"
          disabled={running || missing.length === 0}
          onClick={() =>
            void session.runs.measure(
              missing.map(({ kind, plan }) => (kind === 'current' ? currentPlan(solution, names) : plan)),
            )
          }
        >
          {missing.length === 0 ? 'All measured' : `Measure ${grouped(missing.length)}`}
        </Button>
      </div>
      <ProvenanceNote provenance={last?.provenance ?? null} testId="compare-provenance" />
    </article>
  );
}
