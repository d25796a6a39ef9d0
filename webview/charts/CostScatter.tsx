// What each type would cost one tensor: bits per weight against relative error. Click or Enter chooses.

import { extent, scaleLog } from 'd3';
import type { ReactNode } from 'react';
import type { Damage } from '../../core/protocol/objects.ts';
import { useSize } from '../ui/useSize.ts';
import { fewTicks } from './axisTicks.ts';
import { bytes, cellFigure, decibels } from './numberFormat.ts';
import { placeLabels } from './placeLabels.ts';

const HEIGHT = 216;
const LEFT = 46;
const RIGHT = 16;
const TOP = 12;
const FOOT = 30;
/** Below this share of the worst, a type is drawn at the foot: as good as lossless. */
const LEAST_SHARE = 1e-6;
const BIT_TICKS = [2, 3, 4, 5, 6, 8, 12, 16, 32];

export function CostScatter(props: {
  damages: readonly Damage[];
  elements: number;
  chosen: Damage['type'] | null;
  pinned: boolean;
  allowed: ReadonlySet<string>;
  onChoose(type: Damage['type']): void;
}): ReactNode {
  const { damages, elements, chosen, pinned, allowed, onChoose } = props;
  const [frame, { width }] = useSize<HTMLDivElement>();
  const points = damages
    .filter((d) => d.relativeError > 0 && Number.isFinite(d.relativeError) && d.type === d.stored)
    .map((d) => ({ ...d, bits: (8 * d.bytes) / elements }));
  if (points.length === 0) return <p className="hint">No type loses anything here.</p>;
  const [lowError = 1e-6, highError = 1] = extent(points, (p) => p.relativeError);
  const [, mostBits = 16] = extent(points, (p) => p.bits);
  // Logarithmic, or the quantized types would crowd in the left half and F16 stand alone.
  const x = scaleLog(
    [Math.min(...points.map((p) => p.bits)) / 1.08, (mostBits ?? 16) * 1.12],
    [LEFT, Math.max(LEFT + 1, width - RIGHT)],
  );
  const top = highError ?? 1;
  const y = scaleLog([Math.max(lowError ?? 0, top * LEAST_SHARE) / 1.6, top * 1.6], [HEIGHT - FOOT, TOP]).clamp(true);
  const labels = placeLabels(
    points.map((p) => ({ x: x(p.bits), y: y(p.relativeError), text: p.type })),
    { left: LEFT, right: width, top: 0, bottom: HEIGHT - FOOT },
    points.findIndex((p) => p.type === chosen),
  );
  const ticks = fewTicks(y, 4);
  return (
    <div ref={frame} className="chart" data-testid="cost-scatter">
      <svg width={width} height={HEIGHT}>
        <title>Bits per weight against relative error for each type</title>
        {ticks.map((tick) => (
          <g key={tick}>
            <line className="grid-line" x1={LEFT} x2={width - RIGHT} y1={y(tick)} y2={y(tick)} />
            <text className="tick" x={LEFT - 6} y={y(tick) + 3} textAnchor="end">
              {cellFigure(tick)}
            </text>
          </g>
        ))}
        <line className="axis" x1={LEFT} x2={LEFT} y1={TOP} y2={HEIGHT - FOOT} />
        <line className="axis" x1={LEFT} x2={width - RIGHT} y1={HEIGHT - FOOT} y2={HEIGHT - FOOT} />
        {BIT_TICKS.filter((tick) => tick >= (x.domain()[0] ?? 0) && tick <= (x.domain()[1] ?? 0)).map((tick) => (
          <text key={tick} className="tick" x={x(tick)} y={HEIGHT - FOOT + 13} textAnchor="middle">
            {tick}
          </text>
        ))}
        <text className="tick" x={width - RIGHT} y={HEIGHT - 3} textAnchor="end">
          bits per weight →
        </text>
        <text className="tick" x={0} y={HEIGHT - 3}>
          ↑ relative error
        </text>
        {points.map((p, i) => {
          const label = labels[i];
          const isChosen = p.type === chosen;
          const classes = ['point', isChosen ? 'chosen' : '', allowed.has(p.type) ? '' : 'excluded'].join(' ');
          const about = `${p.type}: ${p.bits.toFixed(2)} bits per weight, ${bytes(p.bytes)}, relative error ${cellFigure(p.relativeError)}, SQNR ${decibels(p.sqnr)}`;
          return (
            // biome-ignore lint/a11y/useSemanticElements: a mark of a chart cannot be a button element.
            <g
              key={p.type}
              className={classes}
              role="button"
              tabIndex={0}
              aria-pressed={isChosen}
              aria-label={`${about}${isChosen ? (pinned ? ', pinned' : ', chosen by the plan') : ''}`}
              data-testid={`cost-${p.type}`}
              onClick={() => onChoose(p.type)}
              onKeyDown={(event) => {
                if (event.key !== 'Enter' && event.key !== ' ') return;
                event.preventDefault();
                onChoose(p.type);
              }}
            >
              <title>{about}</title>
              <circle className="hit" cx={x(p.bits)} cy={y(p.relativeError)} r={11} />
              <circle className="mark" cx={x(p.bits)} cy={y(p.relativeError)} r={isChosen ? 6 : 4} />
              {label === undefined || label === null ? null : (
                <text className="point-label" x={label.x} y={label.y} textAnchor={label.anchor}>
                  {p.type}
                </text>
              )}
            </g>
          );
        })}
      </svg>
    </div>
  );
}
