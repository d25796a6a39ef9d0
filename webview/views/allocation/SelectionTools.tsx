// What to do with several tensors at once: selected on the grid (Shift, Ctrl) or by the filter.

import { type ReactNode, useMemo, useState } from 'react';
import { useModel, useSession, useView } from '../../app/context.ts';
import { matchNames } from '../../app/nameFilter.ts';
import { TARGETS, type Target } from '../../app/tensorFigures.ts';
import { pin } from '../../app/viewState.ts';
import { grouped } from '../../charts/numberFormat.ts';
import { shownName } from '../../charts/visibleText.ts';
import { Button, type Choice, Dropdown } from '../../ui/toolkit.tsx';

const TYPES: readonly Choice<Target>[] = TARGETS.map((type) => ({ value: type, label: type }));

export function SelectionTools(): ReactNode {
  const session = useSession();
  const table = useModel((s) => s.table);
  const solution = useModel((s) => s.solution);
  const selected = useView((v) => v.selected);
  const marked = useView((v) => v.marked);
  const filter = useView((v) => v.filter);
  const [type, setType] = useState<Target>('Q6_K');
  const matching = useMemo(() => {
    if (table === null || filter === '') return [];
    const { matches } = matchNames(table.names, filter);
    return table.names.flatMap((_, t) => (matches?.[t] === 1 && table.quantizable[t] === 1 ? [t] : []));
  }, [table, filter]);
  const chosen = marked.length > 0 ? marked : selected === null ? [] : [selected];
  const names = chosen.filter((t) => table?.quantizable[t] === 1).map((t) => table?.names[t] ?? '');
  const first = names[0];

  function lockAsPlanned(): void {
    session.view.set((v) => {
      let next = v;
      for (const name of names) {
        const planned = solution?.tensors[name]?.type;
        if (planned !== undefined) next = { ...next, ...pin(next, [name], planned) };
      }
      return { pins: next.pins };
    });
  }

  return (
    <section className="selection" aria-label="Selection" data-testid="selection-tools">
      <p className="selection-text">
        {names.length === 0 || first === undefined ? (
          <span className="hint">Click a cell, Shift-click a range, Ctrl-click to add: then choose its type here.</span>
        ) : names.length === 1 ? (
          <strong>{shownName(first, 60)}</strong>
        ) : (
          <strong className="number">{grouped(names.length)} tensors selected</strong>
        )}
      </p>
      <div className="button-row">
        <Dropdown
          label="Type for the selection"
          testId="selection-type"
          className="short"
          value={type}
          options={TYPES}
          onChange={(picked) => setType(picked)}
        />
        <Button
          testId="selection-pin"
          disabled={names.length === 0}
          onClick={() => session.view.set((v) => pin(v, names, type))}
        >
          Set type
        </Button>
        <Button testId="selection-lock" disabled={names.length === 0 || solution === null} onClick={lockAsPlanned}>
          Lock as planned
        </Button>
        <Button
          testId="selection-free"
          disabled={names.length === 0}
          onClick={() => session.view.set((v) => pin(v, names, null))}
        >
          Unlock
        </Button>
        {matching.length > 0 ? (
          <Button testId="selection-filter" onClick={() => session.view.set({ marked: matching })}>
            Select {grouped(matching.length)} filtered
          </Button>
        ) : null}
        {marked.length > 0 ? (
          <Button testId="selection-clear" onClick={() => session.view.set({ marked: [] })}>
            Clear
          </Button>
        ) : null}
      </div>
    </section>
  );
}
