// One measured score: how it is defined, what it would take, running it, and the tensors it ranks highest.

import { type ReactNode, useEffect, useMemo } from 'react';
import type { ScoreId } from '../../../core/protocol/calibration.ts';
import { useLayout, useLensFigures, useModel, useSession, useView } from '../../app/context.ts';
import { ProvenanceNote } from '../../app/ProvenanceNote.tsx';
import { RankedTensors } from '../../app/RankedTensors.tsx';
import { textName } from '../../app/RunSettingsForm.tsx';
import { aboutSeconds, grouped } from '../../charts/numberFormat.ts';
import { visibleText } from '../../charts/visibleText.ts';
import { CheckIcon, WarningIcon } from '../../ui/icons.tsx';
import { Failed, TaskBar } from '../../ui/states.tsx';
import { Button } from '../../ui/toolkit.tsx';

const SHOWN = 12;

export function ScoreView(props: { id: ScoreId }): ReactNode {
  const { id } = props;
  const session = useSession();
  const method = useModel((s) => s.scoreMethods?.find((m) => m.id === id) ?? null);
  const columns = useModel((s) => (s.figuresVersion >= 0 ? s.scores.get(id) : undefined));
  const provenance = useModel((s) => (s.figuresVersion >= 0 ? (s.scores.get(id)?.provenance ?? null) : null));
  const filled = useModel((s) => (s.figuresVersion >= 0 ? (s.scores.get(id)?.filled ?? 0) : 0));
  const task = useModel((s) => s.tasks.score);
  const stale = useModel((s) => s.stale !== null);
  const settings = useView((v) => v.calibrateOn);
  const planScore = useView((v) => v.planScore);
  const layout = useLayout();
  const { metric, values, scale } = useLensFigures();
  const ranked = useMemo(() => {
    const known: number[] = [];
    values.forEach((value, t) => {
      if (Number.isFinite(value) && (layout.blockOf[t] ?? -1) >= 0) known.push(t);
    });
    return known.sort((a, b) => (values[b] ?? 0) - (values[a] ?? 0) || a - b).slice(0, SHOWN);
  }, [values, layout]);

  const running = task.status === 'running';
  const complete = method !== null && method.of > 0 && method.known === method.of;
  // What lies on disk is read without being asked; what must be measured waits for the button.
  const readable = complete && provenance === null && (task.status === 'idle' || task.status === 'done');
  useEffect(() => {
    if (readable) void session.runs.score(id);
  }, [session, readable, id]);

  const runs = method?.needs !== 'weights';
  const text = `${textName(settings.text)}, ${grouped(settings.sequences)} × ${grouped(settings.context)} tokens, seed ${settings.seed}`;
  return (
    <section aria-label={metric.label} data-testid="score">
      <p className="lead">
        <code>{visibleText(metric.formula)}</code>
        {metric.unit === '' ? '' : `, ${visibleText(metric.unit)}`}. Larger is more fragile.
      </p>
      {method !== null && method.blocker !== null && !complete ? (
        <div className="notice warning inline" role="alert" data-testid="score-blocker">
          <WarningIcon />
          <span>{visibleText(method.blocker)}</span>
          <Button className="small" onClick={() => session.view.set({ inspector: 'calibration' })}>
            Calibration…
          </Button>
        </div>
      ) : null}
      {running ? (
        <TaskBar task={task} title="Measuring" testId="task-scoring" onCancel={() => session.cancel('score')} />
      ) : complete && provenance !== null ? null : (
        <div className="button-row">
          <Button
            appearance="primary"
            testId="score-run"
            disabled={method === null || method.blocker !== null}
            onClick={() => void session.runs.score(id)}
          >
            {(method?.known ?? 0) > 0 ? 'Continue' : 'Measure'}
          </Button>
          <span className="hint number" data-testid="score-cost">
            {method === null
              ? 'estimating what it takes'
              : `${aboutSeconds(method.seconds)}${runs ? ` · ${visibleText(text)}` : ''}`}
          </span>
        </div>
      )}
      {task.status === 'cancelled' ? (
        <p className="notice inline" role="status">
          Cancelled. Tensors measured so far are kept, and shown.
        </p>
      ) : null}
      {task.failure === null ? null : <Failed failure={task.failure} />}
      {ranked.length === 0 || columns === undefined ? null : (
        <>
          <div className="section-head">
            <h3>
              Most fragile <span className="hint number">{grouped(filled)} measured</span>
            </h3>
          </div>
          <RankedTensors tensors={ranked} values={values} metric={metric} scale={scale} errors={columns.errors} />
        </>
      )}
      {method?.plans === true && provenance !== null ? (
        <div className="button-row">
          <Button
            testId="score-plan"
            disabled={planScore === id}
            onClick={() => session.view.set({ planScore: id, lens: 'allocation', inspector: 'model' })}
          >
            {planScore === id ? (
              <>
                <CheckIcon /> The plan goes by this score
              </>
            ) : (
              'Plan by this score'
            )}
          </Button>
        </div>
      ) : null}
      <ProvenanceNote
        provenance={provenance}
        stale={stale}
        testId="score-provenance"
        more={task.cached > 0 && !running ? [`${grouped(task.cached)} from disk`] : []}
      />
    </section>
  );
}
