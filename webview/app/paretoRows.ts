// The Pareto curve as rows by size: every plan of the curve, the landmarks, and this plan.

import type { Landmark, ParetoPoint } from '../../core/protocol/plan.ts';
import type { FigureRow, FigureRows } from '../charts/figureRows.ts';
import { bitsPerWeight, bytes } from '../charts/numberFormat.ts';

/** @param pick  takes a size as the new target, as a click on the curve does */
export function paretoRows(
  curve: { readonly points: readonly ParetoPoint[]; readonly landmarks: readonly Landmark[] },
  here: ParetoPoint | null,
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
    cells: [label, point.bytes, point.bitsPerWeight, point.damage],
    ...more,
  });
  const rows = [
    ...curve.points.map((p, i) => row(`p${i}`, 'best plan', p, { pick: () => pick(p.bytes) })),
    ...curve.landmarks.map((p, i) => row(`l${i}`, landmarkName(p.label), p, {})),
    ...(here === null ? [] : [row('here', 'this plan', here, { current: true })]),
  ].sort((a, b) => a.at - b.at);
  return {
    columns: [
      { label: 'plan' },
      { label: 'size', text: bytes },
      { label: 'bits/weight', text: bitsPerWeight },
      { label: 'damage' },
    ],
    rows,
  };
}

/** A landmark labelled by its type alone is that type everywhere. */
export function landmarkName(label: string): string {
  return /^[A-Z0-9_]+$/.test(label) ? `uniform ${label}` : label;
}
