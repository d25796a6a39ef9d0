// Damage against size: the best any plan can do, where this plan is, the mixes every engineer knows, what was measured.

import { bisector, line, scaleLog } from 'd3';
import { type PointerEvent, type ReactNode, useState } from 'react';
import type { Landmark, ParetoPoint } from '../../core/protocol/plan.ts';
import { useSize } from '../ui/useSize.ts';
import { apart, fewTicks } from './axisTicks.ts';
import { bytes, cellFigure } from './numberFormat.ts';

const LEFT = 44;
const RIGHT = 12;
/** Where what was measured has an axis of its own. */
const RIGHT_AXIS = 48;
const TOP = 8;
const FOOT = 18;
/** Keeping floats as they are costs next to nothing: drawn at the foot, or it would flatten all that matters. */
const LEAST_SHARE = 1e-5;

export interface MeasuredPoint {
  readonly label: string;
  readonly bytes: number;
  /** KL divergence from the original, nats per token, and its standard error. */
  readonly divergence: number;
  readonly error: number;
}

export function ParetoChart(props: {
  points: readonly ParetoPoint[];
  landmarks: readonly Landmark[];
  /** What no plan can beat. */
  bound?: readonly ParetoPoint[] | undefined;
  boundBasis?: string | undefined;
  measured?: readonly MeasuredPoint[];
  /** Damage is predicted in nats: predicted and measured share one axis. */
  nats?: boolean;
  here: ParetoPoint | null;
  onPick(bytes: number): void;
}): ReactNode {
  const { here, nats = false, onPick } = props;
  const [frame, { width, height }] = useSize<HTMLDivElement>();
  const [hover, setHover] = useState<ParetoPoint | null>(null);
  const drawn = (p: ParetoPoint): boolean => p.damage >= 0 && Number.isFinite(p.damage);
  const points = props.points.filter(drawn);
  const landmarks = props.landmarks.filter(drawn);
  const measured = (props.measured ?? []).filter((p) => p.divergence > 0 && Number.isFinite(p.divergence));
  const twoAxes = measured.length > 0 && !nats;
  const right = twoAxes ? RIGHT_AXIS : RIGHT;
  const everything: ParetoPoint[] = [...points, ...landmarks, ...(here !== null && drawn(here) ? [here] : [])];
  const first = points[0];
  const last = points.at(-1);
  if (first === undefined || last === undefined || width === 0) return <div ref={frame} className="chart pareto" />;
  const alike = [...everything.map((p) => p.damage), ...(nats ? measured.map((p) => p.divergence) : [])];
  const high = Math.max(...alike) || 1;
  const low = Math.max(Math.min(...alike), high * LEAST_SHARE);
  // Logarithmic: half of what there is to decide happens in the smallest third of the sizes.
  const sizes = [...everything, ...measured].map((p) => p.bytes);
  const least = Math.min(...sizes);
  const most = Math.max(...sizes);
  const x = scaleLog([least, Math.max(most, least + 1)], [LEFT, width - right]);
  const y = scaleLog([low / 1.4, high * 1.4], [height - FOOT, TOP]).clamp(true);
  const yMeasured = twoAxes ? divergenceScale(measured, height) : y;
  const path = line<ParetoPoint>(
    (p) => x(p.bytes),
    (p) => y(p.damage),
  );
  const bound = (props.bound ?? []).filter((p) => drawn(p) && p.bytes >= least && p.bytes <= most);
  const nearest = bisector<ParetoPoint, number>((p) => p.bytes);

  function at(event: PointerEvent): ParetoPoint | null {
    const box = event.currentTarget.getBoundingClientRect();
    return points[nearest.center(points, x.invert(event.clientX - box.left))] ?? null;
  }

  return (
    <div ref={frame} className="chart pareto" data-testid="pareto">
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: the slider beside it does the same by keyboard. */}
      <svg
        width={width}
        height={height}
        role="img"
        aria-label={`Damage against size: ${points.length} plans from ${bytes(first.bytes)} to ${bytes(last.bytes)}`}
        onPointerMove={(event) => setHover(at(event))}
        onPointerLeave={() => setHover(null)}
        onClick={() => hover !== null && onPick(hover.bytes)}
      >
        {fewTicks(y, 3).map((tick) => (
          <g key={tick}>
            <line className="grid-line" x1={LEFT} x2={width - right} y1={y(tick)} y2={y(tick)} />
            <text className="tick" x={LEFT - 6} y={y(tick) + 3} textAnchor="end">
              {cellFigure(tick)}
            </text>
          </g>
        ))}
        {twoAxes ? <RightAxis scale={yMeasured} at={width - right} /> : null}
        <line className="axis" x1={LEFT} x2={width - right} y1={height - FOOT} y2={height - FOOT} />
        {apart(x.ticks(20), x, 62).map((tick) => (
          <text key={tick} className="tick" x={x(tick)} y={height - 5} textAnchor="middle">
            {bytes(tick)}
          </text>
        ))}
        {bound.length < 2 ? null : (
          <path className="bound" d={path(bound) ?? ''} data-testid="pareto-bound">
            <title>{props.boundBasis ?? 'continuous bound: no plan can lie below'}</title>
          </path>
        )}
        <path className="curve" d={path(points) ?? ''} />
        {landmarks.map((mark) => (
          <g key={mark.label} className="landmark">
            <rect x={x(mark.bytes) - 3} y={y(mark.damage) - 3} width={6} height={6} />
            <title>{`${mark.label}: ${bytes(mark.bytes)}, ${mark.bitsPerWeight.toFixed(2)} bits per weight, damage ${cellFigure(mark.damage)}`}</title>
          </g>
        ))}
        {labelled(landmarks, x, y, width - right).map((label) => (
          <text key={label.text} className="tick landmark-label" x={label.x} y={label.y}>
            {label.text}
          </text>
        ))}
        {measured.map((mark) => (
          <g key={`${mark.label}:${mark.bytes}`} className="measured-mark" data-testid="pareto-measured">
            <line
              x1={x(mark.bytes)}
              x2={x(mark.bytes)}
              y1={yMeasured(Math.max(mark.divergence - mark.error, mark.divergence / 10))}
              y2={yMeasured(mark.divergence + mark.error)}
            />
            <path d={`M${x(mark.bytes)},${yMeasured(mark.divergence)}m-4.5,0l4.5,-4.5l4.5,4.5l-4.5,4.5z`} />
            <title>{`${mark.label}, measured: ${bytes(mark.bytes)}, KL ${cellFigure(mark.divergence)} ± ${cellFigure(mark.error)} nats per token`}</title>
          </g>
        ))}
        {hover === null ? null : (
          <>
            <line className="guide" x1={x(hover.bytes)} x2={x(hover.bytes)} y1={TOP} y2={height - FOOT} />
            <circle className="hover-point" cx={x(hover.bytes)} cy={y(hover.damage)} r={3.5} />
          </>
        )}
        {here !== null && drawn(here) ? (
          <circle className="here" cx={x(here.bytes)} cy={y(here.damage)} r={6} data-testid="pareto-here">
            <title>{`this plan: ${bytes(here.bytes)}, damage ${cellFigure(here.damage)}`}</title>
          </circle>
        ) : null}
      </svg>
      {hover === null ? null : (
        <div className="chart-tip" style={{ left: Math.min(width - 190, Math.max(0, x(hover.bytes) + 8)), top: 2 }}>
          {bytes(hover.bytes)} · {hover.bitsPerWeight.toFixed(2)} b/w · damage {cellFigure(hover.damage)}
        </div>
      )}
    </div>
  );
}

/** Logarithmic with some room: one point alone lies in the middle. */
function divergenceScale(measured: readonly MeasuredPoint[], height: number) {
  const values = measured.map((p) => p.divergence);
  return scaleLog([Math.min(...values) / 1.8, Math.max(...values) * 1.8], [height - FOOT, TOP]).clamp(true);
}

function RightAxis(props: { scale: ReturnType<typeof divergenceScale>; at: number }): ReactNode {
  const { scale, at } = props;
  return (
    <g className="right-axis">
      {apart(fewTicks(scale, 3), scale, 14).map((tick) => (
        <text key={tick} className="tick" x={at + 8} y={scale(tick) + 3}>
          {cellFigure(tick)}
        </text>
      ))}
      <text className="tick strong" x={at + 8} y={(scale.range()[0] ?? 0) + 13}>
        ◆ KL
      </text>
    </g>
  );
}

/** Labels where there is room; the marks themselves always tell on hover. */
function labelled(
  landmarks: readonly Landmark[],
  x: (value: number) => number,
  y: (value: number) => number,
  width: number,
): { text: string; x: number; y: number }[] {
  const placed: { text: string; x: number; y: number }[] = [];
  for (const mark of landmarks) {
    const text = mark.label.replace(/^uniform /, '');
    const at = { text, x: x(mark.bytes) + 6, y: y(mark.damage) - 4 };
    const size = text.length * 6.2;
    const free = placed.every(
      (p) => Math.abs(p.y - at.y) > 10 || at.x > p.x + p.text.length * 6.2 || at.x + size < p.x,
    );
    if (free && at.x + size < width && at.y > 8) placed.push(at);
  }
  return placed;
}
