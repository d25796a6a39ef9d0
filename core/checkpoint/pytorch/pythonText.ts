// Text of protocol 0: Python's repr of strings and floats, and its raw-unicode-escape.

const SIMPLE_ESCAPES: ReadonlyMap<string, string> = new Map([
  ['a', '\x07'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['v', '\v'],
  ['\\', '\\'],
  ["'", "'"],
  ['"', '"'],
]);

/** The bytes of a quoted Python 2 string, one a character code; null when it is none. */
export function parseRepr(line: Buffer): Uint8Array | null {
  const text = line.toString('latin1').trim();
  const quote = text[0];
  if (text.length < 2 || (quote !== "'" && quote !== '"') || !text.endsWith(quote)) return null;
  const inner = text.slice(1, -1);
  if (!inner.includes('\\')) return Buffer.from(inner, 'latin1');
  const unescaped = inner.replace(/\\(x[0-9A-Fa-f]{2}|[0-7]{1,3}|[\s\S])/g, (whole, code: string) => {
    if (code.length > 1 && code[0] === 'x') return String.fromCharCode(Number.parseInt(code.slice(1), 16));
    if (/^[0-7]/.test(code)) return String.fromCharCode(Number.parseInt(code, 8) & 0xff);
    return SIMPLE_ESCAPES.get(code) ?? whole;
  });
  return Buffer.from(unescaped, 'latin1');
}

/** Latin-1 with \uXXXX and \UXXXXXXXX; null for code points that do not exist. */
export function parseRawUnicode(line: Buffer): string | null {
  let valid = true;
  const text = line.toString('latin1').replace(/\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8}))/g, (_, short, long) => {
    const code = Number.parseInt((short ?? long) as string, 16);
    valid &&= code <= 0x10ffff;
    return valid ? String.fromCodePoint(code) : '';
  });
  return valid ? text : null;
}

const SPECIAL_FLOATS: ReadonlyMap<string, number> = new Map([
  ['inf', Number.POSITIVE_INFINITY],
  ['-inf', Number.NEGATIVE_INFINITY],
  ['nan', Number.NaN],
]);

/** Python's repr of a float; null when it is none. */
export function parseFloatText(line: Buffer): number | null {
  const text = line.toString('latin1').trim();
  const special = SPECIAL_FLOATS.get(text);
  if (special !== undefined) return special;
  return text.length <= 64 && /^-?[0-9]+(\.[0-9]*)?(e[+-]?[0-9]+)?$/.test(text) ? Number(text) : null;
}
