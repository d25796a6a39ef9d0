// The Pareto curve as rows by size: every plan of the curve, the landmarks, this plan, and what was measured.

import type { Landmark, ParetoPoint } from '../../core/protocol/plan.ts';
import type { FigureRow, FigureRows } from '../charts/figureRows.ts';
import { bitsPerWeight, bytes, figure } from '../charts/numberFormat.ts';
import type { MeasuredPoint } from '../charts/ParetoChart.tsx';

/** @param pick  takes a size as the new target, as a click on the curve does */
export function paretoRows(
  curve: {
    readonly points: readonly ParetoPoint[];
    readonly landmarks: readonly Landmark[];
    readonly bound?: readonly ParetoPoint[] | undefined;
  },
  here: ParetoPoint | null,
  measured: readonly MeasuredPoint[],
  pick: (bytes: number) => void,
): FigureRows {
  const row = (
    key: string,
    label: string,
    point: ParetoPoint,
    more: Partial<FigureRow>,
  ): FigureRow & { at: number } => ({
    key,
    at: point.bytes,
    cells: [label, point.bytes, point.bitsPerWeight, point.damage, Number.NaN],
    ...more,
  });
  const rows = [
    ...curve.points.map((p, i) => row(`p${i}`, 'best plan', p, { pick: () => pick(p.bytes) })),
    ...curve.landmarks.map((p, i) => row(`l${i}`, landmarkName(p.label), p, {})),
    ...(curve.bound ?? []).map((p, i) => row(`b${i}`, 'bound', p, {})),
    ...measured.map((p, i) => ({
      key: `m${i}`,
      at: p.bytes,
      cells: [`${p.label}, measured`, p.bytes, Number.NaN, Number.NaN, p.divergence],
    })),
    ...(here === null ? [] : [row('here', 'this plan', here, { current: true })]),
  ].sort((a, b) => a.at - b.at);
  return {
    columns: [
      { label: 'plan' },
      { label: 'size', text: bytes },
      { label: 'bits/weight', text: (value) => (Number.isNaN(value) ? '–' : bitsPerWeight(value)) },
      { label: 'damage', text: known },
      ...(measured.length === 0 ? [] : [{ label: 'measured KL', text: known }]),
    ],
    rows: measured.length === 0 ? rows.map((entry) => ({ ...entry, cells: entry.cells.slice(0, 4) })) : rows,
  };
}

const known = (value: number): string => (Number.isNaN(value) ? '–' : figure(value));

/** A landmark labelled by its type alone is that type everywhere. */
export function landmarkName(label: string): string {
  return /^[A-Z0-9_]+$/.test(label) ? `uniform ${label}` : label;
}
