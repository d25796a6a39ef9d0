// Non-negative figures of the columns of a matrix on a logarithmic axis: which columns tower over the mean.

import { line, scaleLinear, scaleLog } from 'd3';
import { type PointerEvent, type ReactNode, useMemo } from 'react';
import { useSize } from '../ui/useSize.ts';
import { apart, fewTicks } from './axisTicks.ts';
import { envelope } from './ChannelProfile.tsx';
import { cellFigure } from './numberFormat.ts';

const HEIGHT = 168;
const LEFT = 44;
const RIGHT = 6;
const TOP = 8;
const FOOT = 18;
const TICK_GAP = 14;
/** Decades shown below the largest figure; what is smaller lies on the floor. */
const DECADES = 6;

export function ColumnEnergy(props: {
  label: string;
  values: Float32Array;
  /** How many columns there are, where `values` has one for several. */
  columns?: number;
  mean: number;
  marked: number | null;
  onHover(column: number | null): void;
}): ReactNode {
  const { label, values, mean, marked, onHover } = props;
  const columns = props.columns ?? values.length;
  const [frame, { width }] = useSize<HTMLDivElement>();
  const room = Math.max(1, width - LEFT - RIGHT);
  const { points, low, high, peak } = useMemo(() => extent(values, room), [values, room]);
  const x = scaleLinear([0, Math.max(1, values.length - 1)], [LEFT, LEFT + room]);
  const y = scaleLog([low, high], [HEIGHT - FOOT, TOP]).clamp(true);
  const path = line<{ index: number; value: number }>(
    (p) => x(p.index),
    (p) => y(Math.max(low, p.value)),
  )(points);
  const ticks = apart(fewTicks(y, 6), y, TICK_GAP);

  function onPointerMove(event: PointerEvent<SVGSVGElement>): void {
    const at = event.clientX - event.currentTarget.getBoundingClientRect().left;
    onHover(largestNear(values, x.invert(at - 2), x.invert(at + 2)));
  }

  return (
    <div ref={frame} className="chart" data-testid="column-energy">
      <svg
        width={width}
        height={HEIGHT}
        role="img"
        aria-label={label}
        onPointerMove={onPointerMove}
        onPointerLeave={() => onHover(null)}
      >
        {ticks.map((tick) => (
          <g key={tick}>
            <line className="grid-line" x1={LEFT} x2={LEFT + room} y1={y(tick)} y2={y(tick)} />
            <text className="tick" x={LEFT - 6} y={y(tick) + 3} textAnchor="end">
              {cellFigure(tick)}
            </text>
          </g>
        ))}
        <path className="profile" d={path ?? ''} />
        {mean > 0 ? (
          <>
            <line className="mean-line" x1={LEFT} x2={LEFT + room} y1={y(mean)} y2={y(mean)} />
            <text className="tick mean-label" x={LEFT + room} y={y(mean) - 4} textAnchor="end">
              mean
            </text>
          </>
        ) : null}
        {[peak, marked].map((column) =>
          column === null ? null : (
            <circle key={column} className="peak" cx={x(column)} cy={y(Math.max(low, values[column] ?? low))} r={3.5} />
          ),
        )}
        <text className="tick" x={LEFT} y={HEIGHT - 4}>
          0
        </text>
        <text className="tick" x={LEFT + room / 2} y={HEIGHT - 4} textAnchor="middle">
          column
        </text>
        <text className="tick" x={LEFT + room} y={HEIGHT - 4} textAnchor="end">
          {columns - 1}
        </text>
      </svg>
    </div>
  );
}

function extent(values: Float32Array, room: number) {
  let peak: number | null = null;
  let least = Infinity;
  values.forEach((value, at) => {
    if (!Number.isFinite(value)) return;
    if (value > (peak === null ? -Infinity : (values[peak] ?? 0))) peak = at;
    if (value > 0 && value < least) least = value;
  });
  const top = peak === null ? 0 : (values[peak] ?? 0);
  const high = top > 0 ? top : 1;
  const low = Math.min(high / 10, Math.max(Number.isFinite(least) ? least : high / 10, high / 10 ** DECADES));
  return { points: envelope(values, Math.floor(room)), low, high, peak };
}

/** Column of the largest figure between two positions; the nearest column where the range holds none. */
function largestNear(values: Float32Array, from: number, to: number): number | null {
  const last = values.length - 1;
  if (last < 0) return null;
  const start = Math.min(last, Math.max(0, Math.ceil(from)));
  const end = Math.min(last, Math.max(start, Math.floor(to)));
  let best = start;
  for (let at = start; at <= end; at++) if ((values[at] ?? 0) > (values[best] ?? 0)) best = at;
  return best;
}
