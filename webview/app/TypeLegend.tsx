// The types the grid shows and their colours, fewest bits first: those a plan may give, or those the file stores.

import { type ReactNode, useMemo } from 'react';
import { inkOn } from '../charts/colorScale.ts';
import { bitsPerWeight } from '../charts/numberFormat.ts';
import { bitsColor, TYPE_BITS } from '../charts/typeBits.ts';
import { useLayout, useModel, useView } from './context.ts';
import type { Metric } from './metrics.ts';
import { storedBits } from './storedAs.ts';
import { TARGETS } from './tensorFigures.ts';

interface TypeEntry {
  readonly name: string;
  readonly bits: number;
}

export function TypeLegend(props: { metric: Metric }): ReactNode {
  const choices = useView((v) => v.choices);
  const stored = useStoredTypes();
  const types =
    props.metric.id === 'storedBits'
      ? stored
      : TARGETS.filter((type) => choices.includes(type)).map((name) => ({ name, bits: TYPE_BITS[name] }));
  return (
    <div className="type-legend">
      {types.map(({ name, bits }) => {
        const color = bitsColor(bits);
        return (
          <span
            key={name}
            style={{ background: color, color: inkOn(color) }}
            title={`${bitsPerWeight(bits)} bits per weight`}
          >
            {name}
          </span>
        );
      })}
    </div>
  );
}

/** Types of the tensors in the grid, each with the bits its first tensor really takes. */
function useStoredTypes(): readonly TypeEntry[] {
  const table = useModel((s) => s.table);
  const layout = useLayout();
  return useMemo(() => {
    const types = new Map<string, number>();
    table?.dtypes.forEach((dtype, t) => {
      const bits = storedBits(table, t);
      if ((layout.blockOf[t] ?? -1) >= 0 && !types.has(dtype) && Number.isFinite(bits)) types.set(dtype, bits);
    });
    return [...types].map(([name, bits]) => ({ name, bits })).sort((a, b) => a.bits - b.bits);
  }, [table, layout]);
}
