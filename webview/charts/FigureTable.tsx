// The table behind a chart: the same figures as text, in reach of keyboard and screen reader.

import type { ReactNode } from 'react';
import { cellText, type FigureRows } from './figureRows.ts';
import { grouped } from './numberFormat.ts';

/** Every bin of a histogram; more rows than this nobody reads in a panel, and the copy has them all. */
const SHOWN = 256;

export function FigureTable(props: { label: string; figures: FigureRows; testId: string }): ReactNode {
  const { label, figures, testId } = props;
  const { columns, rows } = figures;
  return (
    <>
      <section
        className="table-scroll"
        aria-label={label}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard.
        tabIndex={0}
        data-testid={testId}
      >
        <table className="figures">
          <thead>
            <tr>
              {columns.map((column) => (
                <th key={column.label} scope="col">
                  {column.label}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, SHOWN).map((row) => (
              <tr key={row.key} className={row.current === true ? 'chosen' : ''}>
                {row.cells.map((cell, c) => {
                  const text = cellText(columns[c], cell);
                  if (c > 0) return <td key={columns[c]?.label}>{text}</td>;
                  return (
                    <th key={columns[c]?.label} scope="row">
                      {row.pick === undefined ? (
                        text
                      ) : (
                        <button type="button" className="row-pick" onClick={row.pick}>
                          {text}
                        </button>
                      )}
                    </th>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      {rows.length > SHOWN ? (
        <p className="hint number">
          first {SHOWN} of {grouped(rows.length)}; the copy has all
        </p>
      ) : null}
    </>
  );
}
