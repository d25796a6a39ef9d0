// What the reader warns of, above everything else: in full, foldable, never gone.

import type { ReactNode } from 'react';
import { grouped } from '../charts/numberFormat.ts';
import { visibleText } from '../charts/visibleText.ts';
import { WarningIcon } from '../ui/icons.tsx';
import { Button } from '../ui/toolkit.tsx';
import { useModel, useSession, useView } from './context.ts';

const NONE: readonly string[] = [];

export function ModelWarnings(): ReactNode {
  const session = useSession();
  const warnings = useModel((s) => s.summary?.warnings ?? NONE);
  const fingerprint = useModel((s) => s.summary?.fingerprint ?? '');
  const folded = useView((v) => v.foldedWarnings === fingerprint);
  if (warnings.length === 0) return null;
  const count = warnings.length === 1 ? '1 warning' : `${grouped(warnings.length)} warnings`;
  return (
    <section className="notice warning model-warnings" aria-label="Warnings about this file" data-testid="warnings">
      <WarningIcon />
      {folded ? (
        <span>{count} about this file</span>
      ) : (
        <ul
          aria-label={count}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard.
          tabIndex={0}
        >
          {[...new Set(warnings)].map((warning) => (
            <li key={warning}>{visibleText(warning)}</li>
          ))}
        </ul>
      )}
      <Button
        className="small"
        testId="warnings-fold"
        label={folded ? `Show ${count}` : `Fold ${count}`}
        onClick={() => session.view.set({ foldedWarnings: folded ? '' : fingerprint })}
      >
        {folded ? 'Show' : 'Fold'}
      </Button>
    </section>
  );
}
