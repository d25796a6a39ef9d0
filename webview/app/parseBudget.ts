// What a user types as a budget: "4.5", "4.5 bpw", "80 MB", "1.2GB", "900 MiB".

const UNIT_BYTES: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};
/** A bare number up to this is bits per weight; nobody wants a 32-byte model. */
const MOST_BITS = 32;

/** Bytes, or null when the text is not a budget. */
export function parseBudget(text: string, parameters: number): number | null {
  const match = /^\s*(\d+(?:[.,]\d+)?)\s*([a-z/]*)\s*$/i.exec(text);
  if (match === null) return null;
  const value = Number((match[1] ?? '').replace(',', '.'));
  const unit = (match[2] ?? '').toLowerCase();
  if (!(value > 0)) return null;
  const bits = unit === 'bpw' || unit === 'b/w' || unit === 'bits' || (unit === '' && value <= MOST_BITS);
  if (bits) return Math.max(1, Math.floor((value * parameters) / 8));
  const scale = unit === '' ? 1 : UNIT_BYTES[unit];
  return scale === undefined ? null : Math.max(1, Math.round(value * scale));
}
