// The table behind the grid: every tensor, searchable, sortable, only visible rows in the page.

import { type KeyboardEvent, type ReactNode, useMemo, useState } from 'react';
import { bytes, grouped, shapeText } from '../charts/numberFormat.ts';
import { shownName } from '../charts/visibleText.ts';
import { CopyButton } from '../ui/CopyButton.tsx';
import { useSize } from '../ui/useSize.ts';
import { type LensFigures, useModel, useSession, useThreshold, useView } from './context.ts';
import { matchNames } from './nameFilter.ts';
import { tensorsCsv } from './tensorsCsv.ts';
import { select } from './viewState.ts';

const ROW_HEIGHT = 24;
const OVERSCAN_ROWS = 8;

interface Column {
  key: string;
  label: string;
  numeric: boolean;
  text(tensor: number): string;
  /** Sorts by number or by text. */
  order(tensor: number): number | string;
}

export function TensorTableView(props: { figures: LensFigures }): ReactNode {
  const { metric, values } = props.figures;
  const session = useSession();
  const table = useModel((s) => s.table);
  const solution = useModel((s) => s.solution);
  const statistics = useModel((s) => s.statistics);
  const threshold = useThreshold(metric);
  const filter = useView((v) => v.filter);
  const sort = useView((v) => v.sort);
  const selected = useView((v) => v.selected);
  const [body, size] = useSize<HTMLDivElement>();
  const [top, setTop] = useState(0);

  const columns = useMemo((): Column[] => {
    if (table === null) return [];
    return [
      {
        key: 'name',
        label: 'name',
        numeric: false,
        text: (t) => shownName(table.names[t] ?? '', 120),
        order: (t) => table.names[t] ?? '',
      },
      {
        key: 'dtype',
        label: 'dtype',
        numeric: false,
        text: (t) => table.dtypes[t] ?? '',
        order: (t) => table.dtypes[t] ?? '',
      },
      {
        key: 'shape',
        label: 'shape',
        numeric: true,
        text: (t) => shapeText(table.shapes[t] ?? []),
        order: (t) => table.elements[t] ?? 0,
      },
      {
        key: 'bytes',
        label: 'size',
        numeric: true,
        text: (t) => bytes(table.bytes[t] ?? 0),
        order: (t) => table.bytes[t] ?? 0,
      },
      {
        key: 'metric',
        label: metric.label,
        numeric: true,
        text: (t) => (Number.isNaN(values[t]) ? '·' : metric.text(values[t] ?? 0)),
        order: (t) => values[t] ?? Number.NaN,
      },
      {
        key: 'plan',
        label: 'plan',
        numeric: false,
        text: (t) => (solution === null ? '' : (solution.tensors[table.names[t] ?? '']?.type ?? 'kept')),
        order: (t) => solution?.tensors[table.names[t] ?? '']?.type ?? '',
      },
    ];
  }, [table, metric, values, solution]);

  const order = useMemo(() => {
    if (table === null) return [];
    const { matches } = matchNames(table.names, filter);
    const rows: number[] = [];
    for (let t = 0; t < table.names.length; t++) if (matches === null || matches[t] === 1) rows.push(t);
    const column = columns.find((c) => c.key === sort.key);
    if (column === undefined) return rows;
    const keys = rows.map((t) => column.order(t));
    const at = rows.map((_, i) => i).sort((a, b) => compare(keys[a], keys[b], sort.descending) || a - b);
    return at.map((i) => rows[i] ?? 0);
  }, [table, filter, columns, sort]);

  if (table === null) return null;
  const first = Math.max(0, Math.floor(top / ROW_HEIGHT) - OVERSCAN_ROWS);
  const end = Math.min(order.length, Math.ceil((top + size.height) / ROW_HEIGHT) + OVERSCAN_ROWS);

  function onKeyDown(event: KeyboardEvent): void {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    const at = selected === null ? -1 : order.indexOf(selected);
    const index = Math.min(order.length - 1, Math.max(0, at + step));
    const next = order[index];
    if (next === undefined) return;
    session.view.set((v) => select(v, next));
    const node = body.current;
    if (node === null) return;
    if (index * ROW_HEIGHT < node.scrollTop) node.scrollTop = index * ROW_HEIGHT;
    else if ((index + 1) * ROW_HEIGHT > node.scrollTop + node.clientHeight) {
      node.scrollTop = (index + 1) * ROW_HEIGHT - node.clientHeight;
    }
  }

  return (
    // biome-ignore lint/a11y/useSemanticElements: virtual rows need ARIA's counts.
    <div
      className="tensor-table"
      role="table"
      aria-label="Tensors"
      aria-rowcount={order.length + 1}
      data-testid="tensor-table"
    >
      {/* biome-ignore lint/a11y/useSemanticElements: as above. */}
      <div role="rowgroup" className="table-head">
        {/* biome-ignore lint/a11y/useSemanticElements: as above. */}
        {/* biome-ignore lint/a11y/useFocusableInteractive: its buttons take focus. */}
        <div role="row" className="table-row" aria-rowindex={1}>
          {columns.map((column) => (
            // biome-ignore lint/a11y/useSemanticElements: as above.
            // biome-ignore lint/a11y/useFocusableInteractive: its button takes focus.
            <div
              key={column.key}
              role="columnheader"
              className={`table-cell column-${column.key}${column.numeric ? ' numeric' : ''}`}
              aria-sort={sort.key === column.key ? (sort.descending ? 'descending' : 'ascending') : 'none'}
            >
              <button
                type="button"
                data-testid={`sort-${column.key}`}
                onClick={() =>
                  session.view.set((v) => ({
                    sort: {
                      key: column.key,
                      descending: v.sort.key === column.key ? !v.sort.descending : column.numeric,
                    },
                  }))
                }
              >
                {column.label}
                {sort.key === column.key ? (sort.descending ? ' ↓' : ' ↑') : ''}
              </button>
            </div>
          ))}
        </div>
      </div>
      {/* biome-ignore lint/a11y/useSemanticElements: as above. */}
      <div
        role="rowgroup"
        className="table-body"
        ref={body}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard.
        tabIndex={0}
        onKeyDown={onKeyDown}
        onScroll={(event) => setTop(event.currentTarget.scrollTop)}
      >
        <div role="presentation" style={{ height: order.length * ROW_HEIGHT, position: 'relative' }}>
          {order.slice(first, end).map((t, i) => (
            // biome-ignore lint/a11y/useSemanticElements: as above.
            // biome-ignore lint/a11y/useFocusableInteractive: the body moves the selection.
            // biome-ignore lint/a11y/useKeyWithClickEvents: as above.
            <div
              key={t}
              role="row"
              aria-rowindex={first + i + 2}
              className={t === selected ? 'table-row selected' : 'table-row'}
              style={{ top: (first + i) * ROW_HEIGHT, height: ROW_HEIGHT }}
              data-testid={`table-row-${t}`}
              onClick={() => session.view.set((v) => select(v, t))}
            >
              {columns.map((column) => (
                // biome-ignore lint/a11y/useSemanticElements: as above.
                <div
                  key={column.key}
                  role="cell"
                  className={`table-cell column-${column.key}${column.numeric ? ' numeric' : ''}${column.key === 'metric' && isAbove(values[t], threshold) ? ' above' : ''}`}
                >
                  {column.text(t)}
                </div>
              ))}
            </div>
          ))}
        </div>
        {order.length === 0 ? <p className="hint table-empty">No tensor matches.</p> : null}
      </div>
      <div className="table-foot hint number">
        <span>
          {grouped(order.length)} of {grouped(table.names.length)} tensors
        </span>
        <CopyButton testId="table-copy" text={() => tensorsCsv(order, { table, statistics, solution, metric, values })}>
          Copy as CSV
        </CopyButton>
      </div>
    </div>
  );
}

function isAbove(value: number | undefined, threshold: number | null): boolean {
  return threshold !== null && value !== undefined && value >= threshold;
}

/** Unknown figures go last in either direction. */
function compare(a: number | string | undefined, b: number | string | undefined, descending: boolean): number {
  if (typeof a === 'number' && typeof b === 'number') {
    if (Number.isNaN(a)) return Number.isNaN(b) ? 0 : 1;
    if (Number.isNaN(b)) return -1;
    return descending ? b - a : a - b;
  }
  const text = String(a) < String(b) ? -1 : String(a) > String(b) ? 1 : 0;
  return descending ? -text : text;
}
