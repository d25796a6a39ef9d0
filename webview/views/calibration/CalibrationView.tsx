// Running the model on text: what it would take, running it, and the calibration in use.

import { type ReactNode, useState } from 'react';
import { useModel, useSession, useView } from '../../app/context.ts';
import { failureOf } from '../../app/hostFailure.ts';
import { RunSettingsForm } from '../../app/RunSettingsForm.tsx';
import { visibleText } from '../../charts/visibleText.ts';
import { Failed, TaskBar, Working } from '../../ui/states.tsx';
import { Button } from '../../ui/toolkit.tsx';
import { CalibrationInUse } from './CalibrationInUse.tsx';
import { RunCostFigures, useRunCost } from './RunCostFigures.tsx';

export function CalibrationView(): ReactNode {
  const session = useSession();
  const calibration = useModel((s) => s.calibration);
  const failure = useModel((s) => s.calibrationFailure);
  const task = useModel((s) => s.tasks.calibration);
  const settings = useView((v) => v.calibrateOn);
  const running = task.status === 'running';
  const cost = useRunCost(settings, !running);
  const blocked = cost.value !== null && cost.value.blocker !== null;
  return (
    <article data-testid="calibration">
      <p className="lead">
        Running the model on text shows its activations, says which input channels matter, and lets sensitivity be
        measured instead of estimated. The text stays on this machine.
      </p>
      <h3>In use</h3>
      {calibration === undefined ? (
        <Working what="Looking for an earlier calibration" />
      ) : failure !== null ? (
        <Failed failure={failure} action={{ label: 'Try again', run: () => void session.runs.load() }} />
      ) : (
        <CalibrationInUse calibration={calibration} />
      )}
      <h3>{calibration === null || calibration === undefined ? 'Calibrate' : 'Calibrate again'}</h3>
      <RunSettingsForm
        id="calibrate"
        settings={settings}
        disabled={running}
        onChange={(calibrateOn) => session.view.set({ calibrateOn })}
      />
      {running ? (
        <TaskBar
          task={task}
          title="Calibrating"
          testId="task-calibrating"
          onCancel={() => session.cancel('calibration')}
        />
      ) : (
        <RunCostFigures cost={cost} />
      )}
      {task.status === 'cancelled' ? (
        <p className="notice warning inline" role="status" data-testid="calibration-cancelled">
          Cancelled. What was run is kept: the same settings go on where this stopped.
        </p>
      ) : null}
      {task.failure === null ? null : <Failed failure={task.failure} />}
      <div className="button-row">
        <Button
          appearance="primary"
          testId="calibrate-run"
          disabled={running || blocked || cost.value === null}
          onClick={() => void session.runs.calibrate()}
        >
          {task.status === 'cancelled' ? 'Resume' : 'Calibrate'}
        </Button>
        <MatrixFiles disabled={running} />
      </div>
    </article>
  );
}

/** Importance matrices of llama.cpp, in and out. */
function MatrixFiles(props: { disabled: boolean }): ReactNode {
  const session = useSession();
  const calibrated = useModel((s) => s.calibration != null && !s.calibration.stale);
  const [message, setMessage] = useState('');
  async function say(work: () => Promise<string>): Promise<void> {
    setMessage('');
    try {
      setMessage(await work());
    } catch (error) {
      const failure = failureOf(error);
      setMessage(`${failure.code}: ${failure.message}`);
    }
  }
  return (
    <>
      <Button
        testId="imatrix-import"
        disabled={props.disabled}
        onClick={() => void say(() => session.runs.importMatrix().then(() => ''))}
      >
        Import imatrix…
      </Button>
      <Button
        testId="imatrix-export"
        disabled={props.disabled || !calibrated}
        onClick={() =>
          void say(() => session.runs.exportMatrix().then((path) => (path === null ? '' : `Written to ${path}`)))
        }
      >
        Export imatrix…
      </Button>
      <span className="hint" role="status" data-testid="imatrix-status">
        {visibleText(message)}
      </span>
    </>
  );
}
