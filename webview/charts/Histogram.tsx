// Distribution of a tensor's values: bulk as bars on a square-root height, lone outliers as marks at the foot.

import { max, scaleLinear, scaleSqrt } from 'd3';
import type { ReactNode } from 'react';
import { useSize } from '../ui/useSize.ts';
import { cellFigure, grouped } from './numberFormat.ts';

const HEIGHT = 96;
const FOOT = 18;
/** Bins with fewer elements than this share of the tensor, or beyond 6σ, are called out: they are what costs bits. */
const RARE_SHARE = 1e-5;

export function Histogram(props: {
  bins: Float64Array;
  min: number;
  max: number;
  mean: number;
  std: number;
}): ReactNode {
  const { bins, min, max: most, mean, std } = props;
  const [frame, { width }] = useSize<HTMLDivElement>();
  const total = bins.reduce((sum, n) => sum + n, 0);
  const x = scaleLinear([0, bins.length], [0, width]);
  const value = scaleLinear([min, most], [0, width]);
  const y = scaleSqrt([0, max(bins) ?? 1], [0, HEIGHT - FOOT - 4]);
  const base = HEIGHT - FOOT;
  // Beside a far outlier 3σ and 6σ fall together: then 6σ alone is marked.
  const crowded = value(mean + 6 * std) - value(mean + 3 * std) < 30;
  const sigmas = (crowded ? [-6, 6] : [-6, -3, 3, 6])
    .map((k) => ({ k, at: value(mean + k * std) }))
    .filter((s) => s.at > 0 && s.at < width);
  const bars: ReactNode[] = [];
  bins.forEach((n, i) => {
    if (n === 0) return;
    const centre = min + ((i + 0.5) * (most - min)) / bins.length;
    const rare = n < total * RARE_SHARE || Math.abs(centre - mean) > 6 * std;
    const height = Math.max(rare ? 3 : 1, y(n));
    bars.push(
      <rect
        // biome-ignore lint/suspicious/noArrayIndexKey: bins are their index.
        key={i}
        className={rare ? 'bar rare' : 'bar'}
        x={x(i)}
        y={base - height}
        width={Math.max(1, x(1) - 0.5)}
        height={height}
      />,
    );
  });
  const label = `Histogram of ${grouped(total)} values from ${cellFigure(min)} to ${cellFigure(most)}`;
  return (
    <div ref={frame} className="chart" data-testid="histogram">
      <svg width={width} height={HEIGHT} role="img" aria-label={label}>
        {sigmas.map(({ k, at }) => (
          <g key={k}>
            <line className="guide" x1={at} x2={at} y1={0} y2={base} />
            <text className="tick" x={at} y={9} textAnchor="middle">
              {k > 0 ? `+${k}σ` : `−${-k}σ`}
            </text>
          </g>
        ))}
        {bars}
        <line className="axis" x1={0} x2={width} y1={base + 0.5} y2={base + 0.5} />
        <text className="tick" x={0} y={HEIGHT - 5}>
          {cellFigure(min)}
        </text>
        {min < 0 && most > 0 ? (
          <text className="tick" x={value(0)} y={HEIGHT - 5} textAnchor="middle">
            0
          </text>
        ) : null}
        <text className="tick" x={width} y={HEIGHT - 5} textAnchor="end">
          {cellFigure(most)}
        </text>
      </svg>
    </div>
  );
}
