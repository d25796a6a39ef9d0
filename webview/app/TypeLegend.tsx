// The types a plan may give and their colours, fewest bits first.

import type { ReactNode } from 'react';
import { inkOn } from '../charts/colorScale.ts';
import { bitsColor, TYPE_BITS } from '../charts/typeBits.ts';
import { useView } from './context.ts';
import { TARGETS } from './tensorFigures.ts';

export function TypeLegend(): ReactNode {
  const choices = useView((v) => v.choices);
  return (
    <div className="type-legend">
      {TARGETS.filter((type) => choices.includes(type)).map((type) => {
        const color = bitsColor(TYPE_BITS[type]);
        return (
          <span
            key={type}
            style={{ background: color, color: inkOn(color) }}
            title={`${TYPE_BITS[type]} bits per weight`}
          >
            {type}
          </span>
        );
      })}
    </div>
  );
}
