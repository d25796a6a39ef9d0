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

/** Control characters of a hostile name must not steer the terminal. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Bidi_Control}]/gu, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Names of graph nodes run to hundreds of characters; a table row keeps their ends. */
const MAX_NAME_CHARACTERS = 96;

export function shortName(name: string): string {
  const half = (MAX_NAME_CHARACTERS - 1) >> 1;
  return printable(name.length <= MAX_NAME_CHARACTERS ? name : `${name.slice(0, half)}…${name.slice(-half)}`);
}

/** Left-aligned first column, right-aligned others. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd();
  return `${all.map(line).join('\n')}\n`;
}
