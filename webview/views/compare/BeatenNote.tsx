// A plan of the same size did less harm than ours: said plainly, with the way to take it over.

import type { ReactNode } from 'react';
import { typesOfCode } from '../../../core/protocol/typeCode.ts';
import { type Defeat, takenOver } from '../../app/comparison.ts';
import { useModel, useSession } from '../../app/context.ts';
import { landmarkName } from '../../app/paretoRows.ts';
import { figure, percent } from '../../charts/numberFormat.ts';
import { shownName } from '../../charts/visibleText.ts';
import { WarningIcon } from '../../ui/icons.tsx';
import { Button } from '../../ui/toolkit.tsx';

/** A view state holds so many pins at most; plans of more tensors than this are opened as text instead. */
export const MOST_PINS = 8000;

export function BeatenNote(props: { defeat: Defeat }): ReactNode {
  const { winner, by, sure } = props.defeat;
  const session = useSession();
  const { plan, measure } = winner;
  const names = useModel((s) => s.table?.names ?? null);
  const pinnable = names !== null && typesOfCode(plan.code).filter((type) => type != null).length <= MOST_PINS;
  const share = by / (by + (measure?.divergence.mean ?? 0));
  return (
    <div className="notice warning inline" role="alert" data-testid="beaten">
      <WarningIcon />
      <span>
        <strong>{shownName(landmarkName(plan.label), 40)}</strong> measured better than this plan at no larger size:{' '}
        {figure(by)} nats per token less, {percent(share)}
        {sure ? '' : ', within what the two errors leave open'}.
      </span>
      {pinnable ? (
        <Button testId="take-over" onClick={() => session.view.set((v) => takenOver(v, plan, names))}>
          Take it over
        </Button>
      ) : null}
    </div>
  );
}
