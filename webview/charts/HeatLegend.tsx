// The ramp of a heatmap from nothing to its largest magnitude.

import type { ReactNode } from 'react';
import { rampColor } from './colorScale.ts';
import { figure } from './numberFormat.ts';

const STOPS = Array.from({ length: 16 }, (_, i) => rampColor('inferno', i / 15)).join(',');

export function HeatLegend(props: { top: number }): ReactNode {
  return (
    <span className="heat-legend number hint">
      0 <span style={{ background: `linear-gradient(to right, ${STOPS})` }} /> {figure(props.top)}
    </span>
  );
}
