// A figure along the depth of the network, one line per role.

import { line, scaleLinear, scaleLog, scaleOrdinal, scaleSymlog, schemeTableau10 } from 'd3';
import { type ReactNode, useState } from 'react';
import { useSize } from '../ui/useSize.ts';
import { apart, fewTicks } from './axisTicks.ts';

const HEIGHT = 132;
const LEFT = 40;
const RIGHT = 8;
const TOP = 6;
const FOOT = 16;
const TICK_GAP = 14;

export interface LayerSeries {
  readonly name: string;
  readonly points: readonly { readonly layer: number; readonly value: number; readonly tensor: number }[];
}

export function LayerLines(props: {
  series: readonly LayerSeries[];
  label: string;
  /** Symmetric log unless given: kurtosis dips below zero and reaches thousands. */
  kind?: 'symlog' | 'log' | 'linear';
  text(value: number): string;
  onPick(tensor: number): void;
}): ReactNode {
  const { series, label, kind = 'symlog', text, onPick } = props;
  const [frame, { width }] = useSize<HTMLDivElement>();
  const [lit, setLit] = useState<string | null>(null);
  const all = series.flatMap((s) => s.points);
  if (all.length === 0) return null;
  const layers = Math.max(...all.map((p) => p.layer));
  const x = scaleLinear([0, Math.max(1, layers)], [LEFT + 4, Math.max(LEFT + 5, width - RIGHT)]);
  const { y, marks } = valueScale(
    kind,
    all.map((p) => p.value),
  );
  const color = scaleOrdinal<string, string>(
    series.map((s) => s.name),
    schemeTableau10,
  );
  const ticks = apart(marks, y, TICK_GAP);
  return (
    <div ref={frame} className="chart">
      <svg width={width} height={HEIGHT} role="img" aria-label={label}>
        {ticks.map((tick) => (
          <g key={tick}>
            <line className="grid-line" x1={LEFT} x2={width - RIGHT} y1={y(tick)} y2={y(tick)} />
            <text className="tick" x={LEFT - 6} y={y(tick) + 3} textAnchor="end">
              {text(tick)}
            </text>
          </g>
        ))}
        {fewTicks(x, Math.max(2, Math.floor(width / 60)))
          .filter((tick) => Number.isInteger(tick))
          .map((tick) => (
            <text key={tick} className="tick" x={x(tick)} y={HEIGHT - 3} textAnchor="middle">
              {tick}
            </text>
          ))}
        {series.map((s) => (
          <g key={s.name} opacity={lit === null || lit === s.name ? 1 : 0.2}>
            <path
              className="layer-line"
              stroke={color(s.name)}
              d={
                line<LayerSeries['points'][number]>(
                  (p) => x(p.layer),
                  (p) => y(p.value),
                )(s.points) ?? ''
              }
            />
            {s.points.map((p) => (
              // biome-ignore lint/a11y/noStaticElementInteractions: the same tensors are cells of the grid, by keyboard too.
              <circle
                key={p.layer}
                className="layer-dot"
                cx={x(p.layer)}
                cy={y(p.value)}
                r={2.4}
                fill={color(s.name)}
                onClick={() => onPick(p.tensor)}
              >
                <title>{`layer ${p.layer}, ${s.name}: ${text(p.value)}`}</title>
              </circle>
            ))}
          </g>
        ))}
      </svg>
      <div className="series-legend">
        {series.map((s) => (
          // biome-ignore lint/a11y/noStaticElementInteractions: hovering only highlights.
          <span key={s.name} onMouseEnter={() => setLit(s.name)} onMouseLeave={() => setLit(null)}>
            <span className="swatch" style={{ background: color(s.name) }} />
            {s.name}
          </span>
        ))}
      </div>
    </div>
  );
}

/** Where a figure lies vertically, and the figures worth a mark. */
function valueScale(kind: 'symlog' | 'log' | 'linear', values: readonly number[]) {
  const range = [HEIGHT - FOOT, TOP];
  const low = Math.min(...values);
  const high = Math.max(...values);
  if (kind === 'log' && low > 0 && high > low) {
    const y = scaleLog([low, high], range);
    return { y, marks: fewTicks(y, 6) };
  }
  if (kind !== 'symlog') {
    const y = scaleLinear([Math.min(0, low), high > 0 ? high : 1], range);
    return { y, marks: y.ticks(4) };
  }
  const top = Math.max(1, high);
  return { y: scaleSymlog([Math.min(0, low), top], range).constant(1), marks: symlogTicks(top) };
}

function symlogTicks(high: number): number[] {
  const powers = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000];
  // Within one power of ten, 2 and 5 say where the lines are.
  const steps = high < 100 ? powers.flatMap((power) => [power, 2 * power, 5 * power]) : powers;
  return [0, ...steps].filter((tick) => tick <= high);
}
