// Rules that lock tensors by regular expression; each says how many it matches, none is an error.

import { type ReactNode, useMemo, useState } from 'react';
import { useModel, useSession, useView } from '../../app/context.ts';
import { matchNames } from '../../app/nameFilter.ts';
import { TARGETS, type Target } from '../../app/tensorFigures.ts';
import { visibleText } from '../../charts/visibleText.ts';
import { Button, type Choice, Dropdown, TextField } from '../../ui/toolkit.tsx';

const TYPES: readonly Choice<Target>[] = TARGETS.map((type) => ({ value: type, label: type }));

export function LockRules(): ReactNode {
  const session = useSession();
  const locks = useView((v) => v.locks);
  const [pattern, setPattern] = useState('');
  const [type, setType] = useState<Target>('Q6_K');
  const found = useMatches(pattern);
  const usable = pattern !== '' && found.failure === null && found.count > 0;

  function add(): void {
    if (!usable) return;
    session.view.set((v) => ({ locks: [...v.locks, { pattern, type }] }));
    setPattern('');
  }

  return (
    <section aria-label="Locks">
      <h3>Locks</h3>
      <ul className="rules">
        {locks.map((lock, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: equal rules may repeat; order is their meaning.
          <li key={i}>
            <code>{visibleText(lock.pattern)}</code>
            <MatchCount pattern={lock.pattern} />
            <span className="number">{lock.type}</span>
            <Button
              appearance="icon"
              label={`Remove lock ${visibleText(lock.pattern)}`}
              onClick={() => session.view.set((v) => ({ locks: v.locks.filter((_, j) => j !== i) }))}
            >
              ×
            </Button>
          </li>
        ))}
      </ul>
      <div className="rule-entry">
        <TextField
          label="Lock tensors whose name matches this regular expression"
          testId="lock-pattern"
          className="filter"
          placeholder="regular expression, e.g. down_proj"
          value={pattern}
          onInput={setPattern}
        />
        <Dropdown
          label="Type to lock to"
          testId="lock-type"
          className="short"
          value={type}
          options={TYPES}
          onChange={(picked) => setType(picked)}
        />
        <Button testId="lock-add" disabled={!usable} onClick={add}>
          Lock
        </Button>
      </div>
      {pattern === '' ? null : (
        <p className={found.failure === null && found.count > 0 ? 'hint number' : 'hint error'} role="status">
          {found.failure ??
            (found.count === 0 ? 'matches no tensor a plan may change' : `matches ${found.count} tensors`)}
        </p>
      )}
    </section>
  );
}

function MatchCount(props: { pattern: string }): ReactNode {
  const { count, failure } = useMatches(props.pattern);
  const bad = failure !== null || count === 0;
  return <span className={bad ? 'hint error' : 'hint number'}>{failure ?? `${count} tensors`}</span>;
}

/** Tensors a plan may change whose name the expression matches anywhere. */
function useMatches(pattern: string) {
  const table = useModel((s) => s.table);
  return useMemo(() => {
    if (pattern === '' || table === null) return { count: 0, failure: null };
    const { matches, failure } = matchNames(table.names, `/${pattern}/`);
    let count = 0;
    matches?.forEach((hit, t) => {
      if (hit === 1 && table.quantizable[t] === 1) count++;
    });
    return { count, failure };
  }, [table, pattern]);
}
