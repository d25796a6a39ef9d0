// Numbers and tables for a terminal.

/** 5.24 M parameters. */
export function countText(count: number): string {
  for (const [size, suffix] of [
    [1e12, ' T'],
    [1e9, ' B'],
    [1e6, ' M'],
    [1e3, ' k'],
  ] as const)
    if (count >= size) return `${(count / size).toPrecision(3)}${suffix}`;
  return String(count);
}

export function figureText(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const magnitude = Math.abs(value);
  return magnitude >= 1e6 || magnitude < 1e-3 ? value.toExponential(2) : value.toPrecision(4);
}

/** Decibels to a tenth; what loses nothing has no noise. */
export function sqnrText(value: number): string {
  return value === Number.POSITIVE_INFINITY ? 'exact' : value.toFixed(1);
}

/** About: 1 s, 3 min, 2.5 h. */
export function durationText(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** Control characters of a hostile name must not steer the terminal. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Bidi_Control}]/gu, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** The same of a text of several lines. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

/** Names of graph nodes run to hundreds of characters; a table row keeps their ends. */
const MAX_NAME_CHARACTERS = 96;

export function shortName(name: string): string {
  const half = (MAX_NAME_CHARACTERS - 1) >> 1;
  return printable(name.length <= MAX_NAME_CHARACTERS ? name : `${name.slice(0, half)}…${name.slice(-half)}`);
}

/** Left-aligned first column, right-aligned others. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return `${aligned(head, rows).join('\n')}\n`;
}

/** A sentence shorter than this says nothing; lines of a narrower terminal are broken by it. */
const LEAST_SENTENCE = 32;

/**
 * A table with a last column of sentences: left-aligned, and cut between words where a line would be longer.
 * @param columns characters of a line; Infinity where nothing breaks them
 */
export function tableWithSentences(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  columns: number,
): string {
  const lines = aligned(
    head.slice(0, -1),
    rows.map((row) => row.slice(0, -1)),
  );
  const width = Math.max(...lines.map(({ length }) => length));
  const room = Math.max(LEAST_SENTENCE, columns - width - 2);
  const all = [head, ...rows].map(
    (row, i) => `${(lines[i] ?? '').padEnd(width)}  ${shortSentence(row.at(-1) ?? '', room)}`,
  );
  return `${all.map((line) => line.trimEnd()).join('\n')}\n`;
}

function shortSentence(text: string, room: number): string {
  if (text.length <= room) return text;
  const cut = text.slice(0, room - 1);
  const space = cut.lastIndexOf(' ');
  return `${(space > room / 2 ? cut.slice(0, space) : cut).replace(/[ ,;:.]+$/, '')}…`;
}

function aligned(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd();
  return all.map(line);
}
