// The plan as a job, one button per place it can run: the extension asks for its folder and shows it in the side bar.

import { type ReactNode, useState } from 'react';
import { LAUNCHERS, type LauncherName } from '../../../core/protocol/jobs.ts';
import { useSession, useView } from '../../app/context.ts';
import { failureOf } from '../../app/hostFailure.ts';
import { visibleText } from '../../charts/visibleText.ts';
import { Button } from '../../ui/toolkit.tsx';

const WORDS: Readonly<Record<string, string>> = {
  local: 'Run as a job on this machine',
  slurm: 'Run as a job on the cluster',
};

export function JobButtons(props: { disabled: boolean; suggestedName: string }): ReactNode {
  const session = useSession();
  const format = useView((v) => v.exportFormat);
  const rounding = useView((v) => v.rounding) ?? undefined;
  const [starting, setStarting] = useState(false);
  const [message, setMessage] = useState('');
  const [failed, setFailed] = useState(false);

  async function start(launcher: LauncherName): Promise<void> {
    setStarting(true);
    setMessage('');
    setFailed(false);
    try {
      const plan = await session.plan();
      if (plan === null) throw new Error('the plan is still changing: try again when it rests');
      const suggestedName = props.suggestedName.replace(/\.(gguf|safetensors)$/, '');
      const { folder } = await session.client.call('runJob', { plan, format, launcher, suggestedName, rounding });
      if (folder !== null) setMessage('Started: see Jobs in the side bar. It goes on when this window closes.');
    } catch (error) {
      setFailed(true);
      setMessage(failureOf(error).message);
    } finally {
      setStarting(false);
    }
  }

  return (
    <>
      {LAUNCHERS.map((launcher) => (
        <Button
          key={launcher}
          testId={`export-job-${launcher}`}
          disabled={props.disabled || starting}
          onClick={() => void start(launcher)}
        >
          {WORDS[launcher] ?? `Run as a job on ${launcher}`}
        </Button>
      ))}
      {message === '' ? null : (
        <span className={failed ? 'error' : 'hint'} role="status" data-testid="job-started">
          {visibleText(message)}
        </span>
      )}
    </>
  );
}
