// The states every view shares: working (and on what), failed (code and sentence), nothing there, cancelled.

import type { ReactNode } from 'react';
import type { Failure } from '../app/hostFailure.ts';
import type { Task } from '../app/sessionState.ts';
import { seconds } from '../charts/numberFormat.ts';
import { visibleText } from '../charts/visibleText.ts';
import { WarningIcon } from './icons.tsx';
import { Button, ProgressRing } from './toolkit.tsx';

export function Working(props: { what: string }): ReactNode {
  return (
    <div className="state working" role="status">
      <ProgressRing label={props.what} />
      <span>{props.what}</span>
    </div>
  );
}

export function Failed(props: { failure: Failure; action?: { label: string; run(): void } }): ReactNode {
  const { failure, action } = props;
  return (
    <div className="state failed" role="alert" data-testid="failure">
      <WarningIcon />
      <div className="failed-text">
        <code className="failure-code">{failure.code}</code>
        <p>{visibleText(failure.message)}</p>
        {action === undefined ? null : (
          <Button testId="failure-action" onClick={action.run}>
            {action.label}
          </Button>
        )}
      </div>
    </div>
  );
}

export function Empty(props: { children: ReactNode }): ReactNode {
  return <div className="state empty">{props.children}</div>;
}

/** A running task as a thin bar with what it does, how far it is and how to stop it. */
export function TaskBar(props: { task: Task; title: string; testId: string; onCancel(): void }): ReactNode {
  const { task, title, testId, onCancel } = props;
  const share = task.total > 0 ? Math.min(1, task.done / task.total) : 0;
  const left = task.secondsLeft === null ? '' : ` · ${seconds(task.secondsLeft)} left`;
  const detail = `${visibleText(task.message)}${left}`;
  return (
    <div className="task" data-testid={testId}>
      <div
        className="task-track"
        role="progressbar"
        aria-label={title}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(share * 100)}
      >
        <div className="task-fill" style={{ width: `${share * 100}%` }} />
      </div>
      <div className="task-text">
        <strong>{title}</strong>
        <span className="number">{Math.round(share * 100)} %</span>
        <span className="task-detail" title={detail}>
          {detail}
        </span>
        <Button appearance="secondary" className="small" testId={`${testId}-cancel`} onClick={onCancel}>
          Cancel
        </Button>
      </div>
    </div>
  );
}
