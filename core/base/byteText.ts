// Byte counts for people.

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

/** Decimal units, three significant digits, as disks and model cards count: 269 MB, 1.77 MB. */
export function bytesText(bytes: number): string {
  const { value, unit } = byteParts(bytes);
  return `${value} ${unit}`;
}

export function byteParts(bytes: number): { value: string; unit: string } {
  let step = 0;
  let value = bytes;
  while (value >= 999.5 && step < UNITS.length - 1) {
    value /= 1000;
    step++;
  }
  const digits = step === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return { value: value.toFixed(digits), unit: UNITS[step] ?? 'B' };
}
