// The window of a tensor a heatmap shows: zoom about a point, pan, clamp. Half-open ranges of rows and columns.

export type Range = readonly [number, number];

export interface HeatWindow {
  readonly rows: Range;
  readonly columns: Range;
}

/** Fewer elements than this a side would be all border. */
const LEAST_SIDE = 4;

export function wholeTensor(rows: number, columns: number): HeatWindow {
  return { rows: [0, rows], columns: [0, columns] };
}

/** @param factor  < 1 zooms in; the element at (x, y), shares of the window, stays where it is */
export function zoomAbout(window: HeatWindow, limit: HeatWindow, x: number, y: number, factor: number): HeatWindow {
  return {
    rows: zoomRange(window.rows, limit.rows[1], y, factor),
    columns: zoomRange(window.columns, limit.columns[1], x, factor),
  };
}

/** @param dx,dy  shares of the window to move by */
export function panBy(window: HeatWindow, limit: HeatWindow, dx: number, dy: number): HeatWindow {
  return { rows: panRange(window.rows, limit.rows[1], dy), columns: panRange(window.columns, limit.columns[1], dx) };
}

/** A window of `side` elements around one element. */
export function around(limit: HeatWindow, row: number, column: number, side: number): HeatWindow {
  return { rows: centred(row, side, limit.rows[1]), columns: centred(column, side, limit.columns[1]) };
}

export function sameWindow(a: HeatWindow, b: HeatWindow): boolean {
  return (
    a.rows[0] === b.rows[0] && a.rows[1] === b.rows[1] && a.columns[0] === b.columns[0] && a.columns[1] === b.columns[1]
  );
}

/**
 * Cells to ask for so that none is thinner than `cellPx` and none covers less than one element.
 */
export function tileSides(window: HeatWindow, widthPx: number, heightPx: number, cellPx: number): [number, number] {
  const columns = window.columns[1] - window.columns[0];
  const rows = window.rows[1] - window.rows[0];
  return [
    Math.max(1, Math.min(columns, Math.floor(widthPx / cellPx))),
    Math.max(1, Math.min(rows, Math.floor(heightPx / cellPx))),
  ];
}

function zoomRange([from, to]: Range, limit: number, at: number, factor: number): Range {
  const length = to - from;
  const next = Math.min(limit, Math.max(Math.min(LEAST_SIDE, limit), Math.round(length * factor)));
  const fixed = from + at * length;
  return shifted(Math.round(fixed - at * next), next, limit);
}

function panRange([from, to]: Range, limit: number, by: number): Range {
  const length = to - from;
  const step = Math.sign(by) * Math.max(by === 0 ? 0 : 1, Math.round(Math.abs(by) * length));
  return shifted(from + step, length, limit);
}

function centred(at: number, side: number, limit: number): Range {
  const length = Math.min(side, limit);
  return shifted(Math.round(at - length / 2), length, limit);
}

function shifted(from: number, length: number, limit: number): Range {
  const start = Math.max(0, Math.min(from, limit - length));
  return [start, start + length];
}
