// The figures of a chart as rows: what its table shows and what "Copy as CSV" copies.

import { figure } from './numberFormat.ts';

export interface FigureColumn {
  readonly label: string;
  /** How a number of this column is shown; `figure` unless given. CSV carries the number itself. */
  text?(value: number): string;
}

export interface FigureRow {
  readonly key: string | number;
  /** One per column; the first heads the row. */
  readonly cells: readonly (string | number)[];
  readonly current?: boolean;
  /** Does what a click on the mark of the chart does. */
  pick?(): void;
}

export interface FigureRows {
  readonly columns: readonly FigureColumn[];
  readonly rows: readonly FigureRow[];
}

export function cellText(column: FigureColumn | undefined, cell: string | number): string {
  return typeof cell === 'string' ? cell : (column?.text ?? figure)(cell);
}

/** RFC 4180, lines ended by CRLF; numbers in full precision, NaN as an empty field. */
export function csvText(labels: readonly string[], rows: Iterable<readonly (string | number)[]>): string {
  const lines = [labels.map(csvField).join(',')];
  for (const row of rows) lines.push(row.map(csvField).join(','));
  return `${lines.join('\r\n')}\r\n`;
}

function csvField(value: string | number): string {
  if (typeof value === 'number') return Number.isNaN(value) ? '' : String(value);
  // Names come from files of strangers: a spreadsheet would run a field that begins like a formula.
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
