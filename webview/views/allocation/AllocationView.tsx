// The rules of the plan: which types may be used, locks, minimums, and what a selection becomes.

import { type ReactNode, useMemo } from 'react';
import { useModel, useSession, useView } from '../../app/context.ts';
import { TARGETS } from '../../app/tensorFigures.ts';
import { useDamageWords } from '../../app/useDamageWords.ts';
import { useSavePlan } from '../../app/useSavePlan.ts';
import { bytes, count, figure } from '../../charts/numberFormat.ts';
import { bitsColor, TYPE_BITS } from '../../charts/typeBits.ts';
import { visibleText } from '../../charts/visibleText.ts';
import { Empty } from '../../ui/states.tsx';
import { Button, Checkbox } from '../../ui/toolkit.tsx';
import { LockRules } from './LockRules.tsx';
import { Minimums } from './Minimums.tsx';
import { PlanMeasurement } from './PlanMeasurement.tsx';
import { PlanScore } from './PlanScore.tsx';
import { SelectionTools } from './SelectionTools.tsx';

export function AllocationView(): ReactNode {
  const session = useSession();
  const solution = useModel((s) => s.solution);
  const choices = useView((v) => v.choices);
  const pins = useView((v) => v.pins);
  const save = useSavePlan();
  return (
    <article data-testid="allocation">
      <SelectionTools />
      <PlanScore />
      <PlanMeasurement />
      <h3>Types the plan may use</h3>
      <div className="choice-grid">
        {TARGETS.map((type) => (
          <Checkbox
            key={type}
            testId={`choice-${type}`}
            checked={choices.includes(type)}
            disabled={choices.length === 1 && choices.includes(type)}
            onChange={(on) =>
              session.view.set((v) => ({ choices: TARGETS.filter((t) => (t === type ? on : v.choices.includes(t))) }))
            }
          >
            <span className="swatch" style={{ background: bitsColor(TYPE_BITS[type]) }} />
            {type} <span className="hint number">{trimBits(TYPE_BITS[type])}</span>
          </Checkbox>
        ))}
      </div>
      <LockRules />
      <Minimums />
      {pins.length === 0 ? null : (
        <section aria-label="Locked tensors">
          <div className="section-head">
            <h3>
              Locked one by one <span className="hint number">{pins.length}</span>
            </h3>
            <Button className="small" testId="clear-pins" onClick={() => session.view.set({ pins: [] })}>
              Unlock all
            </Button>
          </div>
          <ul className="pins">
            {pins.slice(0, 50).map((entry) => (
              <li key={entry.name}>
                <span className="pin-name">{visibleText(entry.name)}</span>
                <span className="number">{entry.type}</span>
                <Button
                  appearance="icon"
                  label={`Unlock ${visibleText(entry.name)}`}
                  onClick={() => session.view.set((v) => ({ pins: v.pins.filter((p) => p.name !== entry.name) }))}
                >
                  ×
                </Button>
              </li>
            ))}
          </ul>
          {pins.length > 50 ? <p className="hint">and {pins.length - 50} more</p> : null}
        </section>
      )}
      <h3>What the plan gives</h3>
      {solution === null ? <Empty>No plan yet: it needs sensitivity first.</Empty> : <TypeShares />}
      <div className="button-row">
        <Button testId="save-plan" disabled={solution === null} onClick={save.run}>
          Save plan…
        </Button>
        <span className="hint" role="status" data-testid="save-plan-status">
          {save.message}
        </span>
      </div>
    </article>
  );
}

function trimBits(bits: number): string {
  return bits.toFixed(2).replace(/\.?0+$/, '');
}

function TypeShares(): ReactNode {
  const solution = useModel((s) => s.solution);
  const table = useModel((s) => s.table);
  const { meaning } = useDamageWords();
  const shares = useMemo(() => {
    const elements = new Map<string, number>();
    table?.names.forEach((name, t) => {
      if (solution?.tensors[name] !== undefined) elements.set(name, table.elements[t] ?? 0);
    });
    const rows = TARGETS.map((type) => ({ type, tensors: 0, parameters: 0, bytes: 0, damage: 0 }));
    for (const [name, assigned] of Object.entries(solution?.tensors ?? {})) {
      const row = rows[TARGETS.indexOf(assigned.type)];
      if (row === undefined) continue;
      row.tensors++;
      row.parameters += elements.get(name) ?? 0;
      row.bytes += assigned.bytes;
      row.damage += assigned.damage;
    }
    return rows.filter((row) => row.tensors > 0);
  }, [solution, table]);
  const total = shares.reduce((sum, row) => sum + row.bytes, 0) || 1;
  return (
    <>
      <div className="mix-bar" role="presentation">
        {shares.map((row) => (
          <div
            key={row.type}
            title={row.type}
            style={{ width: `${(100 * row.bytes) / total}%`, background: bitsColor(TYPE_BITS[row.type]) }}
          />
        ))}
      </div>
      <table className="figures" aria-label="Types in the plan">
        <thead>
          <tr>
            <th scope="col">type</th>
            <th scope="col">tensors</th>
            <th scope="col">parameters</th>
            <th scope="col">size</th>
            <th scope="col" title={meaning}>
              damage
            </th>
          </tr>
        </thead>
        <tbody>
          {shares.map((row) => (
            <tr key={row.type}>
              <th scope="row">
                <span className="swatch" style={{ background: bitsColor(TYPE_BITS[row.type]) }} />
                {row.type}
              </th>
              <td>{row.tensors}</td>
              <td>{count(row.parameters)}</td>
              <td>{bytes(row.bytes)}</td>
              <td>{figure(row.damage)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p className="hint">Damage: {meaning}.</p>
    </>
  );
}
