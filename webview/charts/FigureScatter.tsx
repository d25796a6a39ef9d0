// Two figures of every tensor against each other, on canvas: tens of thousands of dots stay smooth.

import { scaleLinear, scaleLog, scaleOrdinal, scaleSymlog, schemeTableau10 } from 'd3';
import { type MouseEvent, type ReactNode, useEffect, useMemo, useRef, useState } from 'react';
import { useSize } from '../ui/useSize.ts';
import { apart } from './axisTicks.ts';
import { cellFigure } from './numberFormat.ts';
import { shownName } from './visibleText.ts';

const HEIGHT = 180;
const LEFT = 44;
const RIGHT = 10;
const TOP = 8;
const FOOT = 30;
const REACH_PX = 12;
const Y_TICKS = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10_000, 100_000];

export interface ScatterPoint {
  readonly tensor: number;
  readonly name: string;
  readonly group: string;
  readonly x: number;
  readonly y: number;
}

export function FigureScatter(props: {
  points: readonly ScatterPoint[];
  xLabel: string;
  yLabel: string;
  onPick(tensor: number): void;
}): ReactNode {
  const { points, xLabel, yLabel, onPick } = props;
  const [frame, { width }] = useSize<HTMLDivElement>();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [near, setNear] = useState<ScatterPoint | null>(null);
  const { x, y, color } = useMemo(() => {
    const bounds = (of: (p: ScatterPoint) => number): [number, number] =>
      points.reduce<[number, number]>(
        ([low, high], p) => [Math.min(low, of(p)), Math.max(high, of(p))],
        [Infinity, -Infinity],
      );
    const [x0, x1] = bounds((p) => p.x);
    const [y0, y1] = bounds((p) => p.y);
    const horizontal = [LEFT, Math.max(LEFT + 1, width - RIGHT)] as [number, number];
    const vertical = [HEIGHT - FOOT, TOP] as [number, number];
    return {
      x: x0 > 0 ? scaleLog([x0 / 1.1, x1 * 1.1], horizontal) : scaleLinear([x0, x1], horizontal),
      y: scaleSymlog([Math.min(0, y0), Math.max(1, y1 * 1.1)], vertical).constant(1),
      color: scaleOrdinal<string, string>([...new Set(points.map((p) => p.group))], schemeTableau10),
    };
  }, [points, width]);

  useEffect(() => {
    const node = canvas.current;
    const context = node?.getContext('2d');
    if (node === null || context === null || context === undefined || width === 0) return;
    const ratio = globalThis.devicePixelRatio || 1;
    node.width = Math.round(width * ratio);
    node.height = Math.round(HEIGHT * ratio);
    context.scale(ratio, ratio);
    context.globalAlpha = points.length > 2000 ? 0.4 : 0.8;
    for (const p of points) {
      context.fillStyle = color(p.group);
      context.beginPath();
      context.arc(x(p.x), y(p.y), points.length > 2000 ? 1.8 : 3, 0, 2 * Math.PI);
      context.fill();
    }
  }, [points, x, y, color, width]);

  function nearest(event: MouseEvent): ScatterPoint | null {
    const box = event.currentTarget.getBoundingClientRect();
    const px = event.clientX - box.left;
    const py = event.clientY - box.top;
    let best: ScatterPoint | null = null;
    let reach = REACH_PX ** 2;
    for (const p of points) {
      const distance = (x(p.x) - px) ** 2 + (y(p.y) - py) ** 2;
      if (distance < reach) {
        reach = distance;
        best = p;
      }
    }
    return best;
  }

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the same tensors are cells of the grid, by keyboard too.
    // biome-ignore lint/a11y/useKeyWithClickEvents: as above.
    <div
      ref={frame}
      className="chart scatter"
      style={{ height: HEIGHT }}
      onMouseMove={(event) => setNear(nearest(event))}
      onMouseLeave={() => setNear(null)}
      onClick={() => near !== null && onPick(near.tensor)}
    >
      <svg
        width={width}
        height={HEIGHT}
        role="img"
        aria-label={`${points.length} tensors: ${xLabel} against ${yLabel}`}
      >
        {apart(
          Y_TICKS.filter((tick) => tick <= (y.domain()[1] ?? 0)),
          y,
          22,
        ).map((tick) => (
          <g key={tick}>
            <line className="grid-line" x1={LEFT} x2={width - RIGHT} y1={y(tick)} y2={y(tick)} />
            <text className="tick" x={LEFT - 6} y={y(tick) + 3} textAnchor="end">
              {cellFigure(tick)}
            </text>
          </g>
        ))}
        {apart(x.ticks(12), x, 46).map((tick) => (
          <text key={tick} className="tick" x={x(tick)} y={HEIGHT - FOOT + 13} textAnchor="middle">
            {cellFigure(tick)}
          </text>
        ))}
        <line className="axis" x1={LEFT} x2={width - RIGHT} y1={HEIGHT - FOOT} y2={HEIGHT - FOOT} />
        <text className="tick" x={0} y={HEIGHT - 3}>
          {yLabel}
        </text>
        <text className="tick" x={width - RIGHT} y={HEIGHT - 3} textAnchor="end">
          {xLabel}
        </text>
        {near === null ? null : <circle className="hover-point" cx={x(near.x)} cy={y(near.y)} r={5} />}
      </svg>
      <canvas ref={canvas} style={{ width: Math.max(0, width), height: HEIGHT }} />
      {near === null ? null : (
        <div className="chart-tip" style={{ right: 4, top: 4 }}>
          {shownName(near.name, 48)} · {cellFigure(near.y)} · {cellFigure(near.x)}
        </div>
      )}
    </div>
  );
}
