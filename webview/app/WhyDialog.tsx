// Why each tensor got its type: one sentence per tensor, as the solver gives it.

import { type ReactNode, useEffect, useMemo, useRef, useState } from 'react';
import { inkOn } from '../charts/colorScale.ts';
import { bytes, figure, grouped } from '../charts/numberFormat.ts';
import { bitsColor, TYPE_BITS } from '../charts/typeBits.ts';
import { shownName } from '../charts/visibleText.ts';
import { Button, TextField } from '../ui/toolkit.tsx';
import { useSize } from '../ui/useSize.ts';
import { useModel, useSession } from './context.ts';
import { matchNames } from './nameFilter.ts';
import { useDamageWords } from './useDamageWords.ts';
import { select } from './viewState.ts';

const ROW_HEIGHT = 66;
const OVERSCAN_ROWS = 6;

export function WhyDialog(props: { onClose(): void }): ReactNode {
  const { onClose } = props;
  const session = useSession();
  const dialog = useRef<HTMLDialogElement>(null);
  const solution = useModel((s) => s.solution);
  const table = useModel((s) => s.table);
  const { meaning } = useDamageWords();
  const [filter, setFilter] = useState('');
  const [list, size] = useSize<HTMLDivElement>();
  const [top, setTop] = useState(0);

  useEffect(() => {
    const node = dialog.current;
    if (node !== null && !node.open) node.showModal();
  }, []);

  const explained = useModel((s) => s.explained);
  useEffect(() => {
    if (solution !== null && !explained) session.explain();
  }, [session, solution, explained]);

  const names = useMemo(() => Object.keys(solution?.tensors ?? {}), [solution]);
  const shown = useMemo(() => {
    const { matches } = matchNames(names, filter);
    const order = (name: string): number => solution?.tensors[name]?.damage ?? 0;
    return names.filter((_, i) => matches === null || matches[i] === 1).sort((a, b) => order(b) - order(a));
  }, [names, filter, solution]);
  const first = Math.max(0, Math.floor(top / ROW_HEIGHT) - OVERSCAN_ROWS);
  const end = Math.min(shown.length, Math.ceil((top + size.height) / ROW_HEIGHT) + OVERSCAN_ROWS);

  return (
    <dialog ref={dialog} className="why-dialog" aria-label="Why these bits?" onClose={onClose} data-testid="why-dialog">
      <div className="section-head">
        <h2>Why these bits?</h2>
        <Button appearance="secondary" testId="why-close" onClick={() => dialog.current?.close()}>
          Close
        </Button>
      </div>
      <p className="hint">
        The solver minimizes damage under the size budget ({meaning}). The tensors that add most come first; select one
        to see it in the grid.
      </p>
      <TextField
        label="Filter tensors"
        className="filter"
        placeholder="Filter: name or /regex/"
        value={filter}
        onInput={setFilter}
      />
      <section
        className="why-list"
        ref={list}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard.
        tabIndex={0}
        aria-label="Assignments"
        onScroll={(event) => setTop(event.currentTarget.scrollTop)}
      >
        <div style={{ height: shown.length * ROW_HEIGHT, position: 'relative' }}>
          {shown.slice(first, end).map((name, i) => {
            const assigned = solution?.tensors[name];
            if (assigned === undefined) return null;
            const color = bitsColor(TYPE_BITS[assigned.type]);
            return (
              <button
                type="button"
                key={name}
                className="why-row"
                style={{ top: (first + i) * ROW_HEIGHT, height: ROW_HEIGHT }}
                onClick={() => {
                  const tensor = table?.names.indexOf(name) ?? -1;
                  if (tensor >= 0) session.view.set((v) => select(v, tensor));
                  dialog.current?.close();
                }}
              >
                <span className="type-chip" style={{ background: color, color: inkOn(color) }}>
                  {assigned.type}
                </span>
                <span className="why-name">{shownName(name, 90)}</span>
                <span className="hint number why-cost">
                  {bytes(assigned.bytes)} · error {figure(assigned.relativeError)}
                </span>
                <span className="hint why-text">{assigned.why === '' ? '…' : assigned.why}</span>
              </button>
            );
          })}
        </div>
      </section>
      <p className="hint number">
        {grouped(shown.length)} of {grouped(names.length)} planned tensors
      </p>
    </dialog>
  );
}
