// What a user types as a threshold: "6", "0.02 %", "1.5e-3", "80 MB", "1.2 M".

import type { Metric } from './metrics.ts';

const SUFFIXES: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  t: 1e12,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  σ: 1,
  bits: 1,
};

/** A figure of the metric, or null when the text is none. Shares are typed in percent, as they are shown. */
export function parseThreshold(text: string, unit: Metric['unit']): number | null {
  const match = /^\s*([-−]?\d*[.,]?\d+(?:e[-+]?\d+)?)\s*([a-zσ%]*)\s*$/i.exec(text);
  if (match === null) return null;
  const value = Number((match[1] ?? '').replace('−', '-').replace(',', '.'));
  const suffix = (match[2] ?? '').toLowerCase();
  if (!Number.isFinite(value)) return null;
  if (unit === '%') return suffix === '' || suffix === '%' ? value / 100 : null;
  // "B" counts bytes in sizes and billions elsewhere.
  const scale = suffix === 'b' ? (unit === 'bytes' ? 1 : 1e9) : SUFFIXES[suffix];
  return scale === undefined ? null : value * scale;
}

/** The same figure as text that reads back. */
export function thresholdText(value: number, unit: Metric['unit']): string {
  return unit === '%' ? `${Number((value * 100).toPrecision(12))} %` : String(value);
}
