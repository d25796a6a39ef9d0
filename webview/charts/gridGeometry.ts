// Pixel geometry of the grid: which rows are in view, and where the arrow keys lead.

import type { GridBlock, GridLayout } from './gridLayout.ts';

export interface GridPosition {
  readonly block: number;
  readonly row: number;
  readonly column: number;
}

export interface BlockGeometry {
  readonly index: number;
  readonly headerTop: number;
  readonly headerHeight: number;
  readonly firstRowTop: number;
  readonly rowHeight: number;
  readonly columnWidth: number;
  readonly end: number;
  /** ARIA counts rows from 1, headers included. */
  readonly firstAriaRow: number;
}

export interface GridGeometry {
  readonly blocks: readonly BlockGeometry[];
  readonly labelWidth: number;
  readonly width: number;
  readonly height: number;
  readonly rowCount: number;
  readonly columnCount: number;
  rowTop(block: number, row: number): number;
}

const HEADER_HEIGHT = 26;
/** Above the modules: which stack these layers are of. */
const STACK_HEIGHT = 18;
const NAMED_ROW_HEIGHT = 36;
const STRIP_ROW_HEIGHT = 20;
const LEAST_ROW_HEIGHT = 20;
const MOST_ROW_HEIGHT = 56;
const LEAST_COLUMN_WIDTH = 46;
const MOST_COLUMN_WIDTH = 168;
const MOST_NAMED_WIDTH = 260;
const LABEL_WIDTH = 34;
const BLOCK_GAP = 10;

export function gridGeometry(layout: GridLayout, width: number, height: number): GridGeometry {
  const named = layout.blocks.filter((block) => block.kind === 'named');
  const layered = layout.blocks.filter((block) => block.kind === 'layers');
  const namedHeight = named.reduce((sum, b) => sum + headOf(b) + b.rows.length * NAMED_ROW_HEIGHT + BLOCK_GAP, 0);
  const layerRows = layered.reduce((sum, b) => sum + b.rows.length, 0);
  const room = height - namedHeight - layered.reduce((sum, b) => sum + headOf(b) + BLOCK_GAP, 0);
  const fitted = layerRows === 0 ? 0 : Math.floor(room / layerRows);
  const layerRowHeight = Math.max(LEAST_ROW_HEIGHT, Math.min(MOST_ROW_HEIGHT, fitted));
  const room0 = Math.max(1, width - LABEL_WIDTH - 2);

  let top = 0;
  let aria = 1;
  const blocks = layout.blocks.map((block, index): BlockGeometry => {
    const rowHeight =
      block.kind === 'layers' ? layerRowHeight : block.kind === 'named' ? NAMED_ROW_HEIGHT : STRIP_ROW_HEIGHT;
    const fit = Math.floor(room0 / Math.max(1, block.columnCount));
    const most = block.kind === 'named' ? MOST_NAMED_WIDTH : MOST_COLUMN_WIDTH;
    const columnWidth = Math.max(LEAST_COLUMN_WIDTH, Math.min(most, fit));
    const headerHeight = headOf(block);
    const headerTop = top;
    const firstRowTop = top + headerHeight;
    const end = firstRowTop + block.rows.length * rowHeight;
    const firstAriaRow = aria + (headerHeight > 0 ? 1 : 0);
    top = end + BLOCK_GAP;
    aria = firstAriaRow + block.rows.length;
    return { index, headerTop, headerHeight, firstRowTop, rowHeight, columnWidth, end, firstAriaRow };
  });
  const columnCount = Math.max(1, ...layout.blocks.map((block) => block.columnCount));
  const widest = Math.max(0, ...blocks.map((b, i) => b.columnWidth * (layout.blocks[i]?.columnCount ?? 0)));
  return {
    blocks,
    labelWidth: LABEL_WIDTH,
    width: Math.max(0, LABEL_WIDTH + widest),
    height: Math.max(0, top - BLOCK_GAP),
    rowCount: aria - 1,
    columnCount,
    rowTop: (block, row) => (blocks[block]?.firstRowTop ?? 0) + row * (blocks[block]?.rowHeight ?? 0),
  };
}

/** Named cells that share no beginning say all there is; several stacks say which they are. */
function headOf({ kind, title }: GridBlock): number {
  if (kind === 'layers') return HEADER_HEIGHT + (title === '' ? 0 : STACK_HEIGHT);
  return kind === 'named' && title === '' ? 0 : HEADER_HEIGHT;
}

/** Blocks and rows that touch the pixel range [top, bottom). */
export function rowsInView(geometry: GridGeometry, top: number, bottom: number) {
  const headers: number[] = [];
  const rows: { block: number; row: number }[] = [];
  for (const block of geometry.blocks) {
    if (block.end < top || block.headerTop > bottom) continue;
    headers.push(block.index);
    const count = Math.round((block.end - block.firstRowTop) / block.rowHeight);
    const first = Math.max(0, Math.floor((top - block.firstRowTop) / block.rowHeight));
    const end = Math.min(count, Math.ceil((bottom - block.firstRowTop) / block.rowHeight));
    for (let row = first; row < end; row++) rows.push({ block: block.index, row });
  }
  return { headers, rows };
}

/** Where a key leads from a cell, across blocks; null for keys that do not move. */
export function moveCursor(layout: GridLayout, from: GridPosition, key: string): GridPosition | null {
  const rowsOf = (block: number): number => layout.blocks[block]?.rows.length ?? 0;
  const cellsOf = (block: number, row: number): number => layout.blocks[block]?.rows[row]?.cells.length ?? 0;
  const clampColumn = (block: number, row: number): GridPosition => ({
    block,
    row,
    column: Math.max(0, Math.min(from.column, cellsOf(block, row) - 1)),
  });
  switch (key) {
    case 'ArrowLeft':
      return { ...from, column: Math.max(0, from.column - 1) };
    case 'ArrowRight':
      return { ...from, column: Math.min(cellsOf(from.block, from.row) - 1, from.column + 1) };
    case 'Home':
      return { ...from, column: 0 };
    case 'End':
      return { ...from, column: cellsOf(from.block, from.row) - 1 };
    case 'ArrowUp':
      if (from.row > 0) return clampColumn(from.block, from.row - 1);
      return from.block > 0 ? clampColumn(from.block - 1, rowsOf(from.block - 1) - 1) : from;
    case 'ArrowDown':
      if (from.row + 1 < rowsOf(from.block)) return clampColumn(from.block, from.row + 1);
      return from.block + 1 < layout.blocks.length ? clampColumn(from.block + 1, 0) : from;
    case 'PageUp':
      return clampColumn(from.block, Math.max(0, from.row - 10));
    case 'PageDown':
      return clampColumn(from.block, Math.min(rowsOf(from.block) - 1, from.row + 10));
    default:
      return null;
  }
}
