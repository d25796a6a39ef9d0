// The table behind the grid: every tensor, searchable, sortable, only visible rows in the page.

import { type KeyboardEvent, type ReactNode, useMemo, useState } from 'react';
import { bitsPerWeight, bytes, grouped, shapeText } from '../charts/numberFormat.ts';
import { shownName, visibleText } from '../charts/visibleText.ts';
import { CopyButton } from '../ui/CopyButton.tsx';
import { useSize } from '../ui/useSize.ts';
import { type LensFigures, useImportance, useModel, useSession, useThreshold, useView } from './context.ts';
import { matchNames } from './nameFilter.ts';
import { packedText, storedBits } from './storedAs.ts';
import { tensorsCsv } from './tensorsCsv.ts';
import { select } from './viewState.ts';

const ROW_HEIGHT = 24;
const OVERSCAN_ROWS = 8;
/** Narrower tables tell the scheme of packed tensors in a tooltip only. */
const ROOM_FOR_SCHEMES = 840;
/** As the style sheet has them. */
const ROW_PADDING = 4;
const COLUMN_GAP = 12;
/** Of most characters of the 12 px the table is set in. */
const CHARACTER_PX = 6.7;
const LEAST_CHARACTERS = 12;

interface Column {
  key: string;
  label: string;
  numeric: boolean;
  /** Pixels, or a share of what these leave. */
  width: number | { share: number };
  /** @param characters  as many as there is room for; only names are cut to it, in their middle */
  text(tensor: number, characters: number): string;
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

  const roomy = size.width >= ROOM_FOR_SCHEMES;
  const energy = useModel((s) => s.energy);
  const importance = useImportance();
  const columns = useMemo((): Column[] => {
    if (table === null) return [];
    const packed = table.schemes.some((scheme) => scheme !== '');
    const bits: Column = {
      key: 'bits',
      label: 'bits/weight',
      numeric: true,
      width: 76,
      text: (t) => (table.elements[t] === 0 ? '·' : bitsPerWeight(storedBits(table, t))),
      order: (t) => storedBits(table, t),
    };
    const scheme: Column = {
      key: 'scheme',
      label: 'packed as',
      numeric: false,
      width: { share: 0.7 },
      text: (t) => visibleText(table.schemes[t] ?? ''),
      order: (t) => table.schemes[t] ?? '',
    };
    const plan: Column = {
      key: 'plan',
      label: 'plan',
      numeric: false,
      width: 64,
      text: (t) => (solution === null ? '' : (solution.tensors[table.names[t] ?? '']?.type ?? 'kept')),
      order: (t) => solution?.tensors[table.names[t] ?? '']?.type ?? '',
    };
    return [
      {
        key: 'name',
        label: 'name',
        numeric: false,
        width: { share: 1 },
        text: (t, characters) => shownName(table.names[t] ?? '', characters),
        order: (t) => table.names[t] ?? '',
      },
      {
        key: 'dtype',
        label: 'dtype',
        numeric: false,
        width: 64,
        text: (t) => table.dtypes[t] ?? '',
        order: (t) => table.dtypes[t] ?? '',
      },
      ...(packed && roomy ? [scheme] : []),
      {
        key: 'shape',
        label: 'shape',
        numeric: true,
        width: roomy ? 128 : 104,
        text: (t) => shapeText(table.shapes[t] ?? []),
        order: (t) => table.elements[t] ?? 0,
      },
      {
        key: 'bytes',
        label: 'size',
        numeric: true,
        width: 72,
        text: (t) => bytes(table.bytes[t] ?? 0),
        order: (t) => table.bytes[t] ?? 0,
      },
      ...(packed && metric.id !== 'storedBits' ? [bits] : []),
      {
        key: 'metric',
        label: metric.label,
        numeric: true,
        width: 96,
        text: (t) => (Number.isNaN(values[t]) ? '·' : metric.text(values[t] ?? 0)),
        order: (t) => values[t] ?? Number.NaN,
      },
      ...(importance ? [] : [plan]),
    ];
  }, [table, metric, values, solution, importance, roomy]);

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
  const characters = nameCharacters(columns, size.width);
  const gridTemplateColumns = columns
    .map(({ width }) => (typeof width === 'number' ? `${width}px` : `minmax(0, ${width.share}fr)`))
    .join(' ');
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
    <div className="tensor-table" data-testid="tensor-table">
      {/* biome-ignore lint/a11y/useSemanticElements: virtual rows need ARIA's counts. */}
      <div className="table-rows" role="table" aria-label="Tensors" aria-rowcount={order.length + 1}>
        {/* biome-ignore lint/a11y/useSemanticElements: as above. */}
        <div role="rowgroup" className="table-head">
          {/* biome-ignore lint/a11y/useSemanticElements: as above. */}
          {/* biome-ignore lint/a11y/useFocusableInteractive: its buttons take focus. */}
          <div
            role="row"
            className="table-row"
            aria-rowindex={1}
            // As wide as the rows below, whose scroll bar takes room.
            style={{ gridTemplateColumns, width: size.width }}
          >
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
                style={{ top: (first + i) * ROW_HEIGHT, height: ROW_HEIGHT, gridTemplateColumns }}
                data-testid={`table-row-${t}`}
                onClick={() => session.view.set((v) => select(v, t))}
              >
                {columns.map((column) => (
                  // biome-ignore lint/a11y/useSemanticElements: as above.
                  <div
                    key={column.key}
                    role="cell"
                    className={`table-cell column-${column.key}${column.numeric ? ' numeric' : ''}${column.key === 'metric' && isAbove(values[t], threshold) ? ' above' : ''}`}
                    title={
                      column.key === 'dtype' || column.key === 'scheme'
                        ? (packedText(table, t) ?? undefined)
                        : undefined
                    }
                  >
                    {column.text(t, characters)}
                  </div>
                ))}
              </div>
            ))}
          </div>
          {order.length === 0 ? <p className="hint table-empty">No tensor matches.</p> : null}
        </div>
      </div>
      <div className="table-foot hint number">
        <span>
          {grouped(order.length)} of {grouped(table.names.length)} tensors
        </span>
        <CopyButton
          testId="table-copy"
          text={() =>
            tensorsCsv(order, { table, statistics, solution, energy: importance ? energy : null, metric, values })
          }
        >
          Copy as CSV
        </CopyButton>
      </div>
    </div>
  );
}

/** How many characters fit into the track of share 1, which is the name's. */
function nameCharacters(columns: readonly Column[], width: number): number {
  let [room, shares] = [width - 2 * ROW_PADDING - COLUMN_GAP * (columns.length - 1), 0];
  for (const column of columns) {
    if (typeof column.width === 'number') room -= column.width;
    else shares += column.width.share;
  }
  return Math.max(LEAST_CHARACTERS, Math.floor(room / shares / CHARACTER_PX));
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
