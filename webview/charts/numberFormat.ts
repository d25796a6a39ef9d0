// Numbers as engineers read them: few digits, one notation per size, units in decimal steps.

const NARROW_MINUS = '−';

/** Three significant digits or so; NaN and infinities by name. */
export function figure(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : `${NARROW_MINUS}∞`;
  if (value === 0) return '0';
  const size = Math.abs(value);
  const sign = value < 0 ? NARROW_MINUS : '';
  if (size >= 1e6 || size < 1e-3) return sign + scientific(size);
  if (size >= 1000) return sign + grouped(Math.round(size));
  if (size >= 99.95) return sign + size.toFixed(0);
  if (size >= 9.995) return sign + size.toFixed(1);
  if (size >= 0.9995) return sign + size.toFixed(2);
  return sign + size.toFixed(size >= 0.0995 ? 3 : 4);
}

/** As `figure`, but short enough for a cell of the grid. */
export function cellFigure(value: number): string {
  const size = Math.abs(value);
  if (Number.isFinite(value) && size >= 9999.5 && size < 1e6)
    return `${value < 0 ? NARROW_MINUS : ''}${(size / 1000).toFixed(0)}k`;
  if (Number.isFinite(value) && size >= 9.995 && size < 999.95)
    return (value < 0 ? NARROW_MINUS : '') + size.toFixed(1);
  return figure(value)
    .replace('×10', 'e')
    .replaceAll(/[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]/g, plainDigit);
}

/** The shortest text that reads back as the same float32. */
export function exactFloat(value: number): string {
  if (!Number.isFinite(value)) return figure(value);
  for (let digits = 4; digits < 9; digits++) {
    const text = value.toPrecision(digits);
    if (Math.fround(Number(text)) === Math.fround(value)) return String(Number(text)).replace('-', NARROW_MINUS);
  }
  return String(Number(value.toPrecision(9))).replace('-', NARROW_MINUS);
}

const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

/** Decimal units, as file managers and model cards use: 269 MB, 1.77 MB. */
export function bytes(count: number): string {
  const { value, unit } = byteParts(count);
  return `${value} ${unit}`;
}

export function byteParts(count: number): { value: string; unit: string } {
  let step = 0;
  let value = count;
  while (value >= 999.5 && step < BYTE_UNITS.length - 1) {
    value /= 1000;
    step++;
  }
  const digits = step === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return { value: value.toFixed(digits), unit: BYTE_UNITS[step] ?? 'B' };
}

/** 134.5 M, 7.24 B: how parameters are counted. */
export function count(value: number): string {
  if (value < 10_000) return grouped(value);
  for (const [limit, unit] of [
    [1e12, 'T'],
    [1e9, 'B'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const) {
    if (value >= limit) {
      const scaled = value / limit;
      return `${scaled.toFixed(scaled >= 99.95 ? 1 : 2)} ${unit}`;
    }
  }
  return grouped(value);
}

export function percent(share: number): string {
  if (Number.isNaN(share)) return 'NaN';
  if (share === 0) return '0 %';
  const value = share * 100;
  if (value < 0.0001) return `${scientific(value)} %`;
  const digits = value >= 9.995 ? 1 : value >= 0.995 ? 2 : value >= 0.0995 ? 3 : 4;
  return `${value.toFixed(digits)} %`;
}

export function bitsPerWeight(value: number): string {
  return value.toFixed(2);
}

export function decibels(value: number): string {
  return Number.isFinite(value)
    ? `${value.toFixed(1).replace('-', NARROW_MINUS)} dB`
    : value > 0
      ? '∞ dB'
      : figure(value);
}

export function seconds(value: number): string {
  if (value < 1) return `${Math.round(value * 1000)} ms`;
  if (value < 90) return `${value.toFixed(value < 10 ? 1 : 0)} s`;
  const minutes = Math.round(value / 60);
  return minutes < 90 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`;
}

/** An estimate of a time: never more exact than it can be. */
export function aboutSeconds(value: number): string {
  if (value < 0.1) return 'at once';
  return value < 1 ? 'under 1 s' : `about ${seconds(value)}`;
}

export function shapeText(shape: readonly number[]): string {
  return shape.length === 0 ? 'scalar' : shape.map((side) => grouped(side)).join(' × ');
}

export function grouped(value: number): string {
  return Math.round(value)
    .toString()
    .replaceAll(/\B(?=(\d{3})+(?!\d))/g, '\u2009');
}

const SUPERSCRIPT = '⁰¹²³⁴⁵⁶⁷⁸⁹';

function scientific(size: number): string {
  const [mantissa = '', exponent = '0'] = size.toExponential(1).split('e');
  const power = exponent
    .replace('+', '')
    .replaceAll(/[-\d]/g, (c) => (c === '-' ? '⁻' : (SUPERSCRIPT[Number(c)] ?? c)));
  return `${mantissa}×10${power}`;
}

function plainDigit(character: string): string {
  return character === '⁻' ? '-' : String(SUPERSCRIPT.indexOf(character));
}
