// One line of dots per group on a common scale: spread and stragglers of a figure at a glance. Canvas: any number of dots.

import { type ReactNode, useEffect, useRef } from 'react';
import { useSize } from '../ui/useSize.ts';
import { type ColorScale, type Ramp, rampColor } from './colorScale.ts';

const ROW = 22;
const LABEL = 118;
const FOOT = 18;
const RADIUS = 3.2;

export interface DotGroup {
  readonly name: string;
  readonly dots: readonly { readonly tensor: number; readonly value: number }[];
}

export function DotStrip(props: {
  groups: readonly DotGroup[];
  scale: ColorScale;
  ramp: Ramp;
  label: string;
  text(value: number): string;
}): ReactNode {
  const { groups, scale, ramp, label, text } = props;
  const [frame, { width }] = useSize<HTMLDivElement>();
  const canvas = useRef<HTMLCanvasElement>(null);
  const height = groups.length * ROW;
  const room = Math.max(1, width - LABEL - 2 * RADIUS - 8);
  useEffect(() => {
    const node = canvas.current;
    const context = node?.getContext('2d');
    if (node === null || context === null || context === undefined || width === 0) return;
    const ratio = globalThis.devicePixelRatio || 1;
    node.width = Math.round((width - LABEL) * ratio);
    node.height = Math.round(height * ratio);
    context.scale(ratio, ratio);
    groups.forEach((group, row) => {
      for (const dot of group.dots) {
        const position = scale.position(dot.value);
        if (Number.isNaN(position)) continue;
        context.beginPath();
        context.arc(RADIUS + 1 + position * room, row * ROW + ROW / 2, RADIUS, 0, 2 * Math.PI);
        context.fillStyle = rampColor(ramp, Math.max(0.25, position));
        context.globalAlpha = 0.85;
        context.fill();
      }
    });
  }, [groups, scale, ramp, width, height, room]);
  return (
    <div ref={frame} className="chart dot-strip">
      <div role="img" aria-label={`${label}: ${groups.map((g) => `${g.name} ${g.dots.length}`).join(', ')}`}>
        {groups.map((group) => (
          <div key={group.name} className="dot-row" style={{ height: ROW }}>
            <span>{group.name}</span>
          </div>
        ))}
        <canvas ref={canvas} style={{ left: LABEL, width: Math.max(0, width - LABEL), height }} />
      </div>
      <div className="dot-ticks number" style={{ marginLeft: LABEL, height: FOOT }}>
        <span>{text(scale.at(0))}</span>
        <span>{text(scale.at(0.5))}</span>
        <span>{text(scale.at(1))}</span>
      </div>
    </div>
  );
}
