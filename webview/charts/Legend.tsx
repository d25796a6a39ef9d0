// The colour ramp with its figures: what a colour of the grid means, in place.

import type { ReactNode } from 'react';
import { type ColorScale, type Ramp, rampColor } from './colorScale.ts';

const STEPS = 48;
const TICKS = [0, 1 / 3, 2 / 3, 1];

export function Legend(props: {
  scale: ColorScale;
  ramp: Ramp;
  text(value: number): string;
  title: string;
  /** Marked on the ramp where it lies within. */
  threshold: number | null;
}): ReactNode {
  const { scale, ramp, text, title, threshold } = props;
  const within = threshold !== null && threshold >= scale.domain[0] && threshold <= scale.domain[1];
  const mark = within ? scale.position(threshold) : Number.NaN;
  const stops = Array.from({ length: STEPS }, (_, i) => rampColor(ramp, i / (STEPS - 1)));
  return (
    <div
      className="legend"
      role="img"
      aria-label={`${title}: from ${text(scale.at(0))} to ${text(scale.at(1))}, ${scale.kind} scale`}
    >
      <div className="legend-ramp" style={{ background: `linear-gradient(to right, ${stops.join(',')})` }}>
        {mark >= 0 && mark <= 1 ? <span className="legend-mark" style={{ left: `${mark * 100}%` }} /> : null}
      </div>
      <div className="legend-ticks number">
        {TICKS.map((t) => (
          <span key={t} style={{ left: `${t * 100}%` }} className={t === 0 ? 'first' : t === 1 ? 'last' : ''}>
            {text(scale.at(t))}
          </span>
        ))}
      </div>
    </div>
  );
}
