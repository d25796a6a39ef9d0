// A whole number as people type it: "8 192", "8k", "8,192".

/** Null when the text is no whole number within the bounds. */
export function parseWhole(text: string, least: number, most: number): number | null {
  const match = /^\s*(\d[\d\s\u2009\u202f',_]*)(k?)\s*$/i.exec(text);
  if (match === null) return null;
  const value = Number((match[1] ?? '').replaceAll(/\D/g, '')) * (match[2] === '' ? 1 : 1024);
  return Number.isSafeInteger(value) && value >= least && value <= most ? value : null;
}
