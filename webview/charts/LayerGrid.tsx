// Layers × modules as coloured cells. Only what is in view exists in the page, so 100,000 tensors scroll smoothly.

import { type KeyboardEvent, type MouseEvent, memo, type ReactNode, useEffect, useMemo, useRef, useState } from 'react';
import { LockIcon } from '../ui/icons.tsx';
import { useSize } from '../ui/useSize.ts';
import { type ColorScale, inkOn } from './colorScale.ts';
import { type GridPosition, gridGeometry, moveCursor, rowsInView } from './gridGeometry.ts';
import type { GridBlock, GridLayout } from './gridLayout.ts';
import { withoutPrefix } from './nameGroups.ts';
import { shownName } from './visibleText.ts';

export interface GridCell {
  /** Text in the cell when it is wide enough. */
  text: string;
  /** Background; null = no figure. */
  color: string | null;
  locked: boolean;
  dimmed: boolean;
  marked: boolean;
  /** At or above the threshold of the metric. */
  above: boolean;
}

export interface LayerGridProps {
  label: string;
  layout: GridLayout;
  /** Changes whenever a cell would look different. */
  revision: unknown;
  cell(tensors: readonly number[]): GridCell;
  describe(tensors: readonly number[]): string;
  name(tensor: number): string;
  selected: number | null;
  onSelect(tensors: readonly number[], how: 'plain' | 'toggle' | 'range'): void;
  onLock(tensors: readonly number[]): void;
  onHover(tensors: readonly number[] | null): void;
}

const OVERSCAN_PX = 120;

export function LayerGrid(props: LayerGridProps): ReactNode {
  const { label, layout, selected, onSelect, onLock, onHover } = props;
  const [scroller, size] = useSize<HTMLDivElement>();
  const [scroll, setScroll] = useState({ top: 0, left: 0 });
  const [cursor, setCursor] = useState<GridPosition>({ block: 0, row: 0, column: 0 });
  const wantsFocus = useRef(false);
  const geometry = useMemo(() => gridGeometry(layout, size.width, size.height), [layout, size.width, size.height]);

  const place = selected === null ? -1 : (layout.blockOf[selected] ?? -1);
  const selectedRow = selected === null ? -1 : (layout.rowOf[selected] ?? -1);
  const selectedColumn = selected === null ? -1 : (layout.columnOf[selected] ?? -1);
  useEffect(() => {
    if (place >= 0) setCursor({ block: place, row: selectedRow, column: selectedColumn });
  }, [place, selectedRow, selectedColumn]);
  useEffect(() => {
    if (layout.blocks[cursor.block]?.rows[cursor.row]?.cells[cursor.column] === undefined) {
      setCursor({ block: 0, row: 0, column: 0 });
    }
  }, [layout, cursor]);

  const cursorTop = geometry.rowTop(cursor.block, cursor.row);
  useEffect(() => {
    if (!wantsFocus.current) return;
    const node = scroller.current;
    const cell = node?.querySelector<HTMLElement>('[role="gridcell"][tabindex="0"]');
    if (cell === null || cell === undefined) return;
    wantsFocus.current = false;
    cell.focus({ preventScroll: true });
  });

  function onKeyDown(event: KeyboardEvent): void {
    const tensors = layout.blocks[cursor.block]?.rows[cursor.row]?.cells[cursor.column] ?? [];
    if ((event.key === 'Enter' || event.key === ' ') && tensors.length > 0) {
      onSelect(tensors, event.ctrlKey || event.metaKey ? 'toggle' : event.shiftKey ? 'range' : 'plain');
    } else if ((event.key === 'l' || event.key === 'L') && tensors.length > 0) onLock(tensors);
    else {
      const next = moveCursor(layout, cursor, event.key);
      if (next === null) return;
      setCursor(next);
      wantsFocus.current = true;
      reveal(next);
    }
    event.preventDefault();
  }

  function reveal(position: GridPosition): void {
    const node = scroller.current;
    if (node === null) return;
    const block = geometry.blocks[position.block];
    const top = geometry.rowTop(position.block, position.row);
    const height = block?.rowHeight ?? 20;
    const head = block?.headerHeight ?? 0;
    if (top - head < node.scrollTop) node.scrollTop = top - head;
    else if (top + height > node.scrollTop + node.clientHeight) node.scrollTop = top + height - node.clientHeight;
    const left = geometry.labelWidth + position.column * (block?.columnWidth ?? 0);
    if (left - geometry.labelWidth < node.scrollLeft) node.scrollLeft = left - geometry.labelWidth;
    else if (left + (block?.columnWidth ?? 0) > node.scrollLeft + node.clientWidth) {
      node.scrollLeft = left + (block?.columnWidth ?? 0) - node.clientWidth;
    }
  }

  const inView = rowsInView(geometry, scroll.top - OVERSCAN_PX, scroll.top + size.height + OVERSCAN_PX);
  const stuck = geometry.blocks.findLast((b) => b.headerTop < scroll.top && b.end > scroll.top && b.headerHeight > 0);
  const stuckBlock = stuck === undefined ? undefined : layout.blocks[stuck.index];

  return (
    // biome-ignore lint/a11y/useSemanticElements: a table cannot hold virtual rows; the grid pattern of ARIA can.
    <div
      className="layer-grid"
      role="grid"
      aria-label={label}
      aria-rowcount={geometry.rowCount}
      aria-colcount={geometry.columnCount}
      ref={scroller}
      data-testid="layer-grid"
      // Safari and axe want a scrolling region reachable even before a cell has focus.
      tabIndex={-1}
      onScroll={(event) => setScroll({ top: event.currentTarget.scrollTop, left: event.currentTarget.scrollLeft })}
      onKeyDown={onKeyDown}
      onMouseLeave={() => onHover(null)}
    >
      {stuck !== undefined && stuckBlock !== undefined ? (
        <div className="grid-stuck" role="presentation">
          <BlockHeader
            block={stuckBlock}
            top={0}
            height={stuck.headerHeight}
            columnWidth={stuck.columnWidth}
            labelWidth={geometry.labelWidth}
            width={geometry.width}
            hidden
          />
        </div>
      ) : null}
      <div role="presentation" className="grid-canvas" style={{ height: geometry.height, width: geometry.width }}>
        {inView.headers.map((b) => {
          const block = layout.blocks[b];
          const g = geometry.blocks[b];
          return block === undefined || g === undefined || g.headerHeight === 0 ? null : (
            <BlockHeader
              key={`h${b}`}
              block={block}
              top={g.headerTop}
              height={g.headerHeight}
              columnWidth={g.columnWidth}
              labelWidth={geometry.labelWidth}
              width={geometry.width}
            />
          );
        })}
        {inView.rows.map(({ block: b, row: r }) => {
          const block = layout.blocks[b];
          const g = geometry.blocks[b];
          const row = block?.rows[r];
          if (block === undefined || g === undefined || row === undefined) return null;
          const first = Math.max(0, Math.floor((scroll.left - OVERSCAN_PX) / g.columnWidth));
          const end = Math.ceil((scroll.left + size.width + OVERSCAN_PX) / g.columnWidth);
          return (
            <Row
              key={`${b}:${r}`}
              block={block}
              row={r}
              top={g.firstRowTop + r * g.rowHeight}
              height={g.rowHeight}
              columnWidth={g.columnWidth}
              labelWidth={geometry.labelWidth}
              firstColumn={first}
              endColumn={Math.min(row.cells.length, end)}
              ariaRow={g.firstAriaRow + r}
              cursorColumn={cursor.block === b && cursor.row === r ? cursor.column : -1}
              selectedColumn={place === b && selectedRow === r ? selectedColumn : -1}
              grid={props}
              revision={props.revision}
            />
          );
        })}
        {/* The focusable cell must exist even when scrolled away, or Tab would skip the grid. */}
        {inView.rows.some(({ block, row }) => block === cursor.block && row === cursor.row) ? null : (
          <div role="presentation" style={{ position: 'absolute', top: cursorTop }} />
        )}
      </div>
    </div>
  );
}

function BlockHeader(props: {
  block: GridBlock;
  top: number;
  height: number;
  columnWidth: number;
  labelWidth: number;
  width: number;
  hidden?: boolean;
}): ReactNode {
  const { block, top, height, columnWidth, labelWidth, width } = props;
  const title = shownName(block.title, 60);
  return (
    // biome-ignore lint/a11y/useFocusableInteractive: a header row is read, not operated.
    // biome-ignore lint/a11y/useSemanticElements: see LayerGrid.
    <div className="grid-header" role="row" aria-hidden={props.hidden} style={{ top, height, width }}>
      {block.columns.length === 0 ? (
        // biome-ignore lint/a11y/useSemanticElements: see LayerGrid.
        // biome-ignore lint/a11y/useFocusableInteractive: as above.
        <div role="columnheader" className="grid-block-title">
          {title}
        </div>
      ) : (
        <>
          {title === '' ? null : (
            <div className="grid-stack" aria-hidden="true">
              {title}
            </div>
          )}
          {/* biome-ignore lint/a11y/useSemanticElements: see LayerGrid. */}
          {/* biome-ignore lint/a11y/useFocusableInteractive: as above. */}
          <div
            role="columnheader"
            className="grid-corner"
            style={{ width: labelWidth }}
            aria-label={title === '' ? 'layer' : `layer of ${title}`}
          >
            layer
          </div>
          {block.columns.map((module, c) => (
            // biome-ignore lint/a11y/useSemanticElements: see LayerGrid.
            // biome-ignore lint/a11y/useFocusableInteractive: as above.
            <div
              key={module}
              role="columnheader"
              className="grid-column"
              style={{ left: labelWidth + c * columnWidth, width: columnWidth }}
              title={shownName(module, 80)}
            >
              <span>{shownName(module, 40)}</span>
            </div>
          ))}
        </>
      )}
    </div>
  );
}

interface RowProps {
  block: GridBlock;
  row: number;
  top: number;
  height: number;
  columnWidth: number;
  labelWidth: number;
  firstColumn: number;
  endColumn: number;
  ariaRow: number;
  cursorColumn: number;
  selectedColumn: number;
  grid: LayerGridProps;
  revision: unknown;
}

const MIN_TEXT_WIDTH = 30;
/** Names longer than a cell lose their middle: their ends tell them apart. */
const NAME_CHARACTER_PX = 6.6;

const Row = memo(function Row(props: RowProps): ReactNode {
  const { block, row, top, height, columnWidth, labelWidth, firstColumn, endColumn, grid } = props;
  const data = block.rows[row];
  if (data === undefined) return null;
  const cells: ReactNode[] = [];
  for (let c = firstColumn; c < endColumn; c++) {
    const tensors = data.cells[c] ?? [];
    const style = { left: labelWidth + c * columnWidth, width: columnWidth - 2, height: height - 2 };
    const first = tensors[0];
    if (first === undefined) {
      cells.push(
        // biome-ignore lint/a11y/useSemanticElements: see LayerGrid.
        <div key={c} role="gridcell" aria-label="no tensor" className="cell absent" style={style} tabIndex={-1} />,
      );
      continue;
    }
    const cell = grid.cell(tensors);
    const named = block.kind === 'named';
    const name = named
      ? shownName(withoutPrefix(grid.name(first), block.prefix), Math.floor(columnWidth / NAME_CHARACTER_PX))
      : '';
    const classes = ['cell'];
    if (named) classes.push('named');
    if (cell.color === null) classes.push('blank');
    if (cell.dimmed) classes.push('dimmed');
    if (cell.above) classes.push('above');
    if (cell.marked) classes.push('marked');
    if (c === props.selectedColumn) classes.push('selected');
    const ink = cell.color === null ? undefined : inkOn(cell.color);
    cells.push(
      // biome-ignore lint/a11y/useSemanticElements: see LayerGrid.
      <div
        key={c}
        role="gridcell"
        className={classes.join(' ')}
        data-testid={`grid-cell-${first}`}
        tabIndex={c === props.cursorColumn ? 0 : -1}
        aria-selected={c === props.selectedColumn || cell.marked}
        aria-label={named ? `${name} ${cell.text}, ${grid.describe(tensors)}` : grid.describe(tensors)}
        style={{ ...style, background: cell.color ?? undefined, color: ink }}
        onClick={(event) => grid.onSelect(tensors, pressed(event))}
        onMouseEnter={() => grid.onHover(tensors)}
        onFocus={() => grid.onHover(tensors)}
        onKeyDown={undefined}
      >
        {named ? <span className="cell-name">{name} </span> : null}
        {columnWidth >= MIN_TEXT_WIDTH ? <span className="cell-text">{cell.text}</span> : null}
        {cell.locked ? <LockIcon /> : null}
        {tensors.length > 1 && columnWidth >= 70 ? <span className="cell-count">×{tensors.length}</span> : null}
      </div>,
    );
  }
  return (
    // biome-ignore lint/a11y/useFocusableInteractive: focus moves between cells.
    // biome-ignore lint/a11y/useSemanticElements: see LayerGrid.
    <div role="row" aria-rowindex={props.ariaRow} className="grid-row" style={{ top, height }}>
      {data.label === '' ? null : (
        // biome-ignore lint/a11y/useFocusableInteractive: as above.
        // biome-ignore lint/a11y/useSemanticElements: see LayerGrid.
        <div role="rowheader" className="grid-row-label number" style={{ width: labelWidth }}>
          {data.label}
        </div>
      )}
      {cells}
    </div>
  );
});

function pressed(event: MouseEvent): 'plain' | 'toggle' | 'range' {
  if (event.shiftKey) return 'range';
  return event.ctrlKey || event.metaKey ? 'toggle' : 'plain';
}

export type { ColorScale };
