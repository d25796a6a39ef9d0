// In the place of figures that need the model to be run: says so, and leads to where it is done.

import type { ReactNode } from 'react';
import { useModel, useSession } from '../../app/context.ts';
import { Empty, Failed, Working } from '../../ui/states.tsx';
import { Button } from '../../ui/toolkit.tsx';

export function NeedsCalibration(props: { what: string }): ReactNode {
  const session = useSession();
  const calibration = useModel((s) => s.calibration);
  const failure = useModel((s) => s.activationsFailure);
  const running = useModel((s) => s.tasks.calibration.status === 'running');
  if (failure !== null) {
    return <Failed failure={failure} action={{ label: 'Try again', run: () => void session.runs.load() }} />;
  }
  if (running) return <Working what="The model is being run; its activations follow" />;
  if (calibration === undefined || calibration?.activations === true) return <Working what="Reading the activations" />;
  return (
    <Empty>
      <p>
        {calibration === null
          ? `${props.what} come from running the model on text, which has not been done yet.`
          : `The imported matrix holds second moments alone; ${props.what.toLowerCase()} come from running the model on text.`}
      </p>
      <Button appearance="primary" testId="go-calibrate" onClick={() => session.view.set({ inspector: 'calibration' })}>
        Calibrate…
      </Button>
    </Empty>
  );
}
