// How much of a sum its largest parts hold: the further the curve bends to the left, the fewer columns matter.

import { line, scaleLinear } from 'd3';
import type { ReactNode } from 'react';
import { useSize } from '../ui/useSize.ts';

const HEIGHT = 132;
const LEFT = 44;
const RIGHT = 6;
const TOP = 6;
const FOOT = 18;
const TICKS = [0, 0.25, 0.5, 0.75, 1];

export interface EnergyPoint {
  /** Of the columns, largest first. */
  readonly columns: number;
  /** Of the sum they hold. */
  readonly energy: number;
}

export function EnergyCurve(props: { points: readonly EnergyPoint[]; label: string }): ReactNode {
  const { points, label } = props;
  const [frame, { width }] = useSize<HTMLDivElement>();
  const x = scaleLinear([0, 1], [LEFT, Math.max(LEFT + 1, width - RIGHT)]);
  const y = scaleLinear([0, 1], [HEIGHT - FOOT, TOP]);
  const path = line<EnergyPoint>(
    (p) => x(p.columns),
    (p) => y(p.energy),
  )(points);
  return (
    <div ref={frame} className="chart" data-testid="energy-curve">
      <svg width={width} height={HEIGHT} role="img" aria-label={label}>
        {TICKS.map((tick) => (
          <g key={tick}>
            <line className="grid-line" x1={x(0)} x2={x(1)} y1={y(tick)} y2={y(tick)} />
            <text className="tick" x={LEFT - 6} y={y(tick) + 3} textAnchor="end">
              {tick * 100} %
            </text>
            <text
              className="tick"
              x={x(tick)}
              y={HEIGHT - 4}
              textAnchor={tick === 0 ? 'start' : tick === 1 ? 'end' : 'middle'}
            >
              {tick * 100} %{tick === 0.5 ? ' of the columns' : ''}
            </text>
          </g>
        ))}
        <line className="mean-line" x1={x(0)} x2={x(1)} y1={y(0)} y2={y(1)} />
        <path className="profile thick" d={path ?? ''} />
      </svg>
    </div>
  );
}

/** The curve of `values` in at most `most` points. Broken and negative values count as nothing. */
export function energyCurve(values: Float32Array, most: number): EnergyPoint[] {
  const sorted = values.map((value) => (Number.isFinite(value) ? Math.max(0, value) : 0)).sort();
  const total = sorted.reduce((sum, value) => sum + value, 0);
  if (total === 0) return [];
  const points: EnergyPoint[] = [{ columns: 0, energy: 0 }];
  const step = Math.max(1, Math.ceil(sorted.length / most));
  let held = 0;
  for (let taken = 1; taken <= sorted.length; taken++) {
    held += sorted[sorted.length - taken] ?? 0;
    // The steep beginning is what the curve is about: every column of the first steps has its point.
    if (taken <= step || taken % step === 0 || taken === sorted.length) {
      points.push({ columns: taken / sorted.length, energy: held / total });
    }
  }
  return points;
}
