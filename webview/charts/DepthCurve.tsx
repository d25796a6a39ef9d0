// How an error made in one block runs on through the later ones: one dot per block, logarithmic.

import { line, scaleLinear, scaleLog } from 'd3';
import type { ReactNode } from 'react';
import { useSize } from '../ui/useSize.ts';
import { apart, fewTicks } from './axisTicks.ts';
import { cellFigure } from './numberFormat.ts';

const HEIGHT = 120;
const LEFT = 48;
const RIGHT = 10;
const TOP = 8;
const FOOT = 30;

export interface DepthPoint {
  readonly layer: number;
  readonly value: number;
}

export function DepthCurve(props: { points: readonly DepthPoint[]; label: string }): ReactNode {
  const { label } = props;
  const [frame, { width }] = useSize<HTMLDivElement>();
  const points = props.points.filter(({ value }) => value > 0 && Number.isFinite(value));
  const first = points[0];
  const last = points.at(-1);
  if (first === undefined || last === undefined) return <p className="hint">The error vanishes in the next block.</p>;
  const values = points.map(({ value }) => value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const x = scaleLinear(
    [first.layer, Math.max(last.layer, first.layer + 1)],
    [LEFT + 4, Math.max(LEFT + 5, width - RIGHT)],
  );
  const y = scaleLog([low / 1.3, high * 1.3], [HEIGHT - FOOT, TOP]);
  const path = line<DepthPoint>(
    (p) => x(p.layer),
    (p) => y(p.value),
  )(points);
  return (
    <div ref={frame} className="chart" data-testid="depth-curve">
      <svg width={width} height={HEIGHT} role="img" aria-label={label}>
        {apart(fewTicks(y, 4), y, 14).map((tick) => (
          <g key={tick}>
            <line className="grid-line" x1={LEFT} x2={width - RIGHT} y1={y(tick)} y2={y(tick)} />
            <text className="tick" x={LEFT - 6} y={y(tick) + 3} textAnchor="end">
              {cellFigure(tick)}
            </text>
          </g>
        ))}
        {fewTicks(x, Math.max(2, Math.floor(width / 60)))
          .filter((tick) => Number.isInteger(tick))
          .map((tick) => (
            <text key={tick} className="tick" x={x(tick)} y={HEIGHT - FOOT + 13} textAnchor="middle">
              {tick}
            </text>
          ))}
        <text className="tick" x={width - RIGHT} y={HEIGHT - 3} textAnchor="end">
          after block →
        </text>
        <text className="tick" x={0} y={HEIGHT - 3}>
          ↑ ‖h − ĥ‖² / ‖h‖²
        </text>
        <path className="profile thick" d={path ?? ''} />
        {points.map((p) => (
          <circle key={p.layer} className="dot" cx={x(p.layer)} cy={y(p.value)} r={2.6}>
            <title>{`after block ${p.layer}: ${cellFigure(p.value)}`}</title>
          </circle>
        ))}
      </svg>
    </div>
  );
}

/** The first figure is that of the tensor's own block; tensors before all blocks begin at the first. */
export function depthPoints(curve: readonly number[], layer: number): DepthPoint[] {
  return curve.map((value, i) => ({ layer: Math.max(0, layer) + i, value }));
}
