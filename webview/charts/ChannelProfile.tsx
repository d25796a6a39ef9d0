// One row or column of a tensor as a line of magnitudes against ±3σ; canvas-free up to a few thousand points by envelope.

import { line, scaleLinear } from 'd3';
import type { ReactNode } from 'react';
import { useSize } from '../ui/useSize.ts';
import { cellFigure, exactFloat } from './numberFormat.ts';

const HEIGHT = 92;
const FOOT = 16;

export function ChannelProfile(props: { label: string; values: Float32Array; sigma: number }): ReactNode {
  const { label, values, sigma } = props;
  const [frame, { width }] = useSize<HTMLDivElement>();
  const points = envelope(values, Math.max(1, Math.floor(width)));
  const bound = points.reduce((most, p) => Math.max(most, Math.abs(p.value)), sigma * 3) || 1;
  const base = HEIGHT - FOOT;
  const x = scaleLinear([0, Math.max(1, values.length - 1)], [1, Math.max(1, width - 1)]);
  const y = scaleLinear([-bound, bound], [base - 2, 2]);
  const path = line<ChannelPoint>(
    (p) => x(p.index),
    (p) => y(p.value),
  )(points);
  const peak = points.reduce<ChannelPoint | null>(
    (best, p) => (best === null || Math.abs(p.value) > Math.abs(best.value) ? p : best),
    null,
  );
  return (
    <div ref={frame} className="chart" data-testid="channel-profile">
      <svg width={width} height={HEIGHT} role="img" aria-label={label}>
        <rect
          className="band"
          x={0}
          width={width}
          y={y(3 * sigma)}
          height={Math.max(0, y(-3 * sigma) - y(3 * sigma))}
        />
        <line className="axis" x1={0} x2={width} y1={y(0)} y2={y(0)} />
        <path className="profile" d={path ?? ''} />
        {peak === null ? null : <circle className="peak" cx={x(peak.index)} cy={y(peak.value)} r={3} />}
        <text className="tick" x={0} y={HEIGHT - 3}>
          0
        </text>
        <text className="tick" x={width} y={HEIGHT - 3} textAnchor="end">
          {values.length - 1}
        </text>
        <text className="tick" x={width / 2} y={HEIGHT - 3} textAnchor="middle">
          {peak === null ? '' : `largest ${exactFloat(peak.value)} at ${peak.index} · `}band ±3σ = ±
          {cellFigure(3 * sigma)}
        </text>
      </svg>
    </div>
  );
}

export interface ChannelPoint {
  readonly index: number;
  readonly value: number;
}

/** At most `2 · buckets` points that keep every bucket's smallest and largest value, in order. */
export function envelope(values: Float32Array, buckets: number): ChannelPoint[] {
  const points: ChannelPoint[] = [];
  const width = values.length / Math.min(buckets, values.length || 1);
  for (let start = 0; start < values.length; ) {
    const end = Math.max(
      start + 1,
      Math.min(values.length, Math.round((Math.floor(start / width + 1e-9) + 1) * width)),
    );
    let low = start;
    let high = start;
    for (let i = start; i < end; i++) {
      const value = values[i] ?? 0;
      if (!(value >= (values[low] ?? 0))) low = i;
      if (value > (values[high] ?? 0)) high = i;
    }
    for (const index of low === high ? [low] : low < high ? [low, high] : [high, low]) {
      const value = values[index] ?? 0;
      if (Number.isFinite(value)) points.push({ index, value });
    }
    start = end;
  }
  return points;
}
