// A file whose name other programs use as well, and which is no model: said once, with the way to another editor.

import type { ReactNode } from 'react';
import { FORMAT_NAMES } from '../../core/protocol/display.ts';
import { hasModelEnding } from '../../core/protocol/modelFiles.ts';
import { shownName } from '../charts/visibleText.ts';
import { Button } from '../ui/toolkit.tsx';
import { useSession } from './context.ts';
import type { Failure } from './hostFailure.ts';

/** Whether opening failed because the file is something else altogether. */
export function isNotAModel(failure: Failure, name: string): boolean {
  return (failure.code === 'FORMAT_UNKNOWN' || failure.code === 'FILE_EMPTY') && !hasModelEnding(name);
}

export function NotAModel(props: { name: string }): ReactNode {
  const session = useSession();
  const formats = Object.values(FORMAT_NAMES);
  return (
    <main className="screen-state" data-testid="not-a-model">
      <h1>{shownName(props.name, 80)} is not a model</h1>
      <p className="lead">
        Files named like this often are something else. Its content is none of {formats.slice(0, -1).join(', ')} or{' '}
        {formats.at(-1)}. It was only looked at, and nothing in it was run.
      </p>
      <p>
        <Button
          appearance="primary"
          testId="reopen-with"
          onClick={() => void session.client.call('reopenWith', {}).catch(() => undefined)}
        >
          Open as text or in another editor…
        </Button>
      </p>
    </main>
  );
}
