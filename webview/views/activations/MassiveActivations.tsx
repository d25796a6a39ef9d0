// Values thousands of times the others, and positions that draw attention whatever they say: both as tables.

import { type ReactNode, useState } from 'react';
import type { Activations } from '../../../core/protocol/calibration.ts';
import { figure, grouped, percent } from '../../charts/numberFormat.ts';
import { shownName } from '../../charts/visibleText.ts';
import { Button } from '../../ui/toolkit.tsx';

const SHOWN = 8;

export function MassiveActivations(props: { rows: Activations['massive'] }): ReactNode {
  const rows = [...props.rows].sort((a, b) => b.ratio - a.ratio);
  const [all, setAll] = useState(false);
  return (
    <section aria-label="Massive activations" data-testid="massive">
      <h3>
        Massive activations <span className="hint number">{grouped(rows.length)}</span>
      </h3>
      {rows.length === 0 ? (
        <p className="hint">No value of a hidden state stands far above all others.</p>
      ) : (
        <>
          <table className="figures" aria-label="Massive activations">
            <thead>
              <tr>
                <th scope="col">layer</th>
                <th scope="col">token</th>
                <th scope="col">position</th>
                <th scope="col">channel</th>
                <th scope="col">value</th>
                <th scope="col" title="|value| / the median |value| of its layer">
                  × median
                </th>
              </tr>
            </thead>
            <tbody>
              {(all ? rows : rows.slice(0, SHOWN)).map((row) => (
                <tr key={`${row.layer}:${row.sequence}:${row.position}:${row.channel}`}>
                  <th scope="row">{row.layer}</th>
                  <td>
                    <code>{shownToken(row.token)}</code>
                  </td>
                  <td>{grouped(row.position)}</td>
                  <td>{grouped(row.channel)}</td>
                  <td>{figure(row.value)}</td>
                  <td>{figure(row.ratio)}</td>
                </tr>
              ))}
            </tbody>
          </table>
          <More count={rows.length} all={all} onToggle={() => setAll(!all)} />
        </>
      )}
    </section>
  );
}

export function Sinks(props: { rows: Activations['sinks'] }): ReactNode {
  const rows = [...props.rows].sort((a, b) => b.share - a.share);
  const [all, setAll] = useState(false);
  // Means over several sequences have no token of their own.
  const named = rows.some(({ token }) => token !== '');
  if (rows.length === 0) return null;
  return (
    <section aria-label="Attention sinks" data-testid="sinks">
      <h3>
        Attention sinks <span className="hint number">{grouped(rows.length)}</span>
      </h3>
      <table className="figures" aria-label="Attention sinks">
        <thead>
          <tr>
            <th scope="col">layer</th>
            {named ? <th scope="col">token</th> : null}
            <th scope="col">position</th>
            <th scope="col" title="mean over queries, heads and sequences">
              attention received
            </th>
          </tr>
        </thead>
        <tbody>
          {(all ? rows : rows.slice(0, SHOWN)).map((row) => (
            <tr key={`${row.layer}:${row.position}`}>
              <th scope="row">{row.layer}</th>
              {named ? (
                <td>
                  <code>{shownToken(row.token)}</code>
                </td>
              ) : null}
              <td>{grouped(row.position)}</td>
              <td>{percent(row.share)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <More count={rows.length} all={all} onToggle={() => setAll(!all)} />
    </section>
  );
}

function More(props: { count: number; all: boolean; onToggle(): void }): ReactNode {
  const { count, all, onToggle } = props;
  return count <= SHOWN ? null : (
    <Button className="small more" onClick={onToggle}>
      {all ? `First ${SHOWN}` : `All ${grouped(count)}`}
    </Button>
  );
}

/** A blank token must still be seen. */
function shownToken(token: string): string {
  return shownName(token.replaceAll(' ', '␣').replaceAll('\n', '⏎'), 24);
}
