// Where a cell stands for several tensors (experts): which one is shown, and the way to the others.

import { type ReactNode, useMemo } from 'react';
import { grouped } from '../charts/numberFormat.ts';
import { Button } from '../ui/toolkit.tsx';
import { useLayout, useLensFigures, useSession } from './context.ts';
import { select } from './viewState.ts';

export function CellSiblings(props: { tensor: number }): ReactNode {
  const { tensor } = props;
  const session = useSession();
  const layout = useLayout();
  const { metric, values } = useLensFigures();
  const order = useMemo(() => {
    const block = layout.blocks[layout.blockOf[tensor] ?? -1];
    const cell = block?.rows[layout.rowOf[tensor] ?? 0]?.cells[layout.columnOf[tensor] ?? 0] ?? [];
    const rank = (t: number): number => (Number.isNaN(values[t]) ? -Infinity : (values[t] ?? -Infinity));
    return [...cell].sort((a, b) => rank(b) - rank(a) || a - b);
  }, [layout, values, tensor]);
  if (order.length < 2) return null;
  const at = order.indexOf(tensor);
  const go = (step: number): void => {
    const next = order[(at + step + order.length) % order.length];
    if (next !== undefined) session.view.set((v) => select(v, next));
  };
  return (
    <div className="siblings">
      <Button appearance="icon" label="Previous tensor of this cell" testId="sibling-previous" onClick={() => go(-1)}>
        ‹
      </Button>
      <span className="hint number" data-testid="sibling-position">
        {grouped(at + 1)} of {grouped(order.length)} in this cell, by {metric.label}
      </span>
      <Button appearance="icon" label="Next tensor of this cell" testId="sibling-next" onClick={() => go(1)}>
        ›
      </Button>
    </div>
  );
}
