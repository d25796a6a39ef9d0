// From a figure to a colour: linear, logarithmic or percentile position on a perceptually ordered ramp.

import { bisectLeft, interpolateCividis, interpolateInferno, interpolateViridis, rgb } from 'd3';

export type ScaleKind = 'linear' | 'log' | 'percentile';
export type Ramp = 'inferno' | 'viridis' | 'cividis';

export interface ColorScale {
  readonly kind: ScaleKind;
  /** Smallest and largest finite figure. */
  readonly domain: readonly [number, number];
  /** 0…1, or NaN for a figure that cannot be placed. */
  position(value: number): number;
  /** The figure at a position; the legend's ticks. */
  at(position: number): number;
  color(value: number): string;
}

/** The dark end of the ramps is nearly black: starting a little above keeps empty and low apart. */
const RAMP_START = 0.08;

export function rampColor(ramp: Ramp, position: number): string {
  const t = RAMP_START + (1 - RAMP_START) * Math.min(1, Math.max(0, position));
  if (ramp === 'viridis') return interpolateViridis(t);
  if (ramp === 'cividis') return interpolateCividis(t);
  return interpolateInferno(t);
}

/**
 * @param kind  log places zero and negative figures (excess kurtosis below a Gaussian's) at the low end
 */
export function colorScale(values: Iterable<number>, kind: ScaleKind, ramp: Ramp = 'inferno'): ColorScale {
  const finite: number[] = [];
  for (const value of values) if (Number.isFinite(value)) finite.push(value);
  finite.sort((a, b) => a - b);
  const low = finite[0] ?? 0;
  const high = finite.at(-1) ?? 1;
  const [position, at] = mapping(kind, finite, low, high);
  return {
    kind,
    domain: [low, high],
    position,
    at,
    color: (value) => rampColor(ramp, position(value)),
  };
}

function mapping(
  kind: ScaleKind,
  sorted: readonly number[],
  low: number,
  high: number,
): [(value: number) => number, (position: number) => number] {
  if (kind === 'percentile' && sorted.length > 1) {
    const last = sorted.length - 1;
    return [
      (value) => (Number.isNaN(value) ? Number.NaN : Math.min(1, bisectLeft(sorted, value) / last)),
      (position) => sorted[Math.round(position * last)] ?? low,
    ];
  }
  if (kind === 'log' && high > 0) {
    const floor = logFloor(sorted, high);
    const span = Math.log(high / floor) || 1;
    return [
      (value) => (Number.isNaN(value) ? Number.NaN : value <= floor ? 0 : Math.min(1, Math.log(value / floor) / span)),
      (position) => floor * Math.exp(position * span),
    ];
  }
  const span = high - low || 1;
  return [(value) => (Number.isNaN(value) ? Number.NaN : (value - low) / span), (position) => low + position * span];
}

/** Six decades are what a reader can tell apart; a stray 1e-30 must not flatten everything else. */
function logFloor(sorted: readonly number[], high: number): number {
  const lowestPositive = sorted[bisectLeft(sorted, Number.MIN_VALUE)] ?? high;
  return Math.max(lowestPositive, high * 1e-6);
}

/** Black or white, whichever is easier to read on the colour (WCAG relative luminance). */
export function inkOn(color: string): '#000000' | '#ffffff' {
  const { r, g, b } = rgb(color);
  const luminance = 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  return luminance > 0.179 ? '#000000' : '#ffffff';
}

function linear(channel: number): number {
  const c = channel / 255;
  return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
}
