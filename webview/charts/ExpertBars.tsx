// How many rows each expert of one layer received, beside an even share.

import { scaleLinear } from 'd3';
import type { ReactNode } from 'react';
import { useSize } from '../ui/useSize.ts';
import { count, grouped, percent } from './numberFormat.ts';

const HEIGHT = 120;
const LEFT = 44;
const RIGHT = 6;
const TOP = 8;
const FOOT = 18;

export function ExpertBars(props: { hits: readonly number[]; label: string }): ReactNode {
  const { hits, label } = props;
  const [frame, { width }] = useSize<HTMLDivElement>();
  const total = hits.reduce((sum, n) => sum + n, 0);
  const most = Math.max(1, ...hits);
  const x = scaleLinear([0, hits.length], [LEFT, Math.max(LEFT + 1, width - RIGHT)]);
  const y = scaleLinear([0, most], [HEIGHT - FOOT, TOP]);
  const even = total / Math.max(1, hits.length);
  const bar = x(1) - x(0);
  return (
    <div ref={frame} className="chart" data-testid="expert-bars">
      <svg width={width} height={HEIGHT} role="img" aria-label={label}>
        {[0, most].map((tick) => (
          <text key={tick} className="tick" x={LEFT - 6} y={y(tick) + 3} textAnchor="end">
            {count(tick)}
          </text>
        ))}
        <line className="axis" x1={LEFT} x2={width - RIGHT} y1={y(0)} y2={y(0)} />
        {hits.map((n, expert) => (
          <rect
            // biome-ignore lint/suspicious/noArrayIndexKey: an expert is its place.
            key={expert}
            className={n === 0 ? 'bar rare' : 'bar'}
            x={x(expert) + (bar > 3 ? 0.5 : 0)}
            width={Math.max(0.5, bar - (bar > 3 ? 1 : 0))}
            y={y(n)}
            height={y(0) - y(n)}
          >
            <title>{`expert ${expert}: ${grouped(n)} rows, ${percent(total === 0 ? 0 : n / total)}`}</title>
          </rect>
        ))}
        <line className="mean-line" x1={LEFT} x2={width - RIGHT} y1={y(even)} y2={y(even)} />
        <text className="tick mean-label" x={width - RIGHT} y={y(even) - 4} textAnchor="end">
          even share
        </text>
        <text className="tick" x={LEFT} y={HEIGHT - 4}>
          expert 0
        </text>
        <text className="tick" x={width - RIGHT} y={HEIGHT - 4} textAnchor="end">
          {hits.length - 1}
        </text>
      </svg>
    </div>
  );
}
