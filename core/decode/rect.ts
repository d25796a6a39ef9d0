// A window of a matrix, and how a run of its row-major order falls into windows.

/** Rows row0 … row1 − 1, columns column0 … column1 − 1. */
export interface Rect {
  readonly row0: number;
  readonly row1: number;
  readonly column0: number;
  readonly column1: number;
}

/** Elements decoded at a time: codes and results of a window stay in the second-level cache. */
const WINDOW_ELEMENTS = 1 << 18;

/** Elements `first` … `first + count` as windows that follow each other; each is whole rows or a part of one. */
export function* windowsOf(columns: number, first: number, count: number): Generator<Rect> {
  const end = first + count;
  for (let at = first; at < end; ) {
    const row = Math.floor(at / columns);
    const column = at - row * columns;
    const rows = Math.floor(Math.min(end - at, WINDOW_ELEMENTS) / columns);
    if (column === 0 && rows > 0) {
      yield { row0: row, row1: row + rows, column0: 0, column1: columns };
      at += rows * columns;
    } else {
      const width = Math.min(columns - column, end - at, WINDOW_ELEMENTS);
      yield { row0: row, row1: row + 1, column0: column, column1: column + width };
      at += width;
    }
  }
}

/** The same for a window: its rows in pieces of bounded size, wide rows in pieces of their own. */
export function* piecesOf({ row0, row1, column0, column1 }: Rect): Generator<Rect> {
  const width = column1 - column0;
  const step = Math.max(1, Math.floor(WINDOW_ELEMENTS / width));
  for (let row = row0; row < row1; row += step) {
    const rows = { row0: row, row1: Math.min(row1, row + step) };
    for (let column = column0; column < column1; column += WINDOW_ELEMENTS)
      yield { ...rows, column0: column, column1: Math.min(column1, column + WINDOW_ELEMENTS) };
  }
}
