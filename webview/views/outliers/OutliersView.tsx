// Where the outliers are: the tensors that stand out most, under the metric of the grid.

import { median } from 'd3';
import { type ReactNode, useMemo } from 'react';
import { ChartWithTable } from '../../app/ChartWithTable.tsx';
import { useLayout, useLensFigures, useModel } from '../../app/context.ts';
import { RankedTensors } from '../../app/RankedTensors.tsx';
import { type DotGroup, DotStrip } from '../../charts/DotStrip.tsx';
import type { FigureRows } from '../../charts/figureRows.ts';
import { Empty } from '../../ui/states.tsx';

const SHOWN = 12;

export function OutliersView(): ReactNode {
  const { metric, values, scale } = useLensFigures();
  const layout = useLayout();
  const roles = useModel((s) => s.table?.roles ?? []);
  const ranked = useMemo(() => {
    const shown: number[] = [];
    values.forEach((value, i) => {
      if (Number.isFinite(value) && (layout.blockOf[i] ?? -1) >= 0) shown.push(i);
    });
    return shown.sort((a, b) => (values[b] ?? 0) - (values[a] ?? 0));
  }, [values, layout]);
  if (ranked.length === 0) return <Empty>No tensor has been measured yet.</Empty>;
  const groups = groupByRole(ranked, roles, values);
  return (
    <article data-testid="outliers">
      <p className="lead">
        One extreme weight stretches the range of its whole block: every other weight there loses resolution. Select a
        cell to find the row and column it sits in.
      </p>
      <ChartWithTable id="outlier-roles" title="By role" figures={() => roleRows(groups, metric.text)}>
        <DotStrip
          groups={groups}
          scale={scale}
          ramp={metric.ramp}
          text={metric.text}
          label={`${metric.label} by role`}
        />
      </ChartWithTable>
      <h3>Largest {metric.label}</h3>
      <RankedTensors tensors={ranked.slice(0, SHOWN)} values={values} metric={metric} scale={scale} />
    </article>
  );
}

export function groupByRole(tensors: readonly number[], roles: readonly string[], values: Float64Array) {
  const groups = new Map<string, { tensor: number; value: number }[]>();
  for (const tensor of tensors) {
    const role = roles[tensor] ?? 'other';
    const list = groups.get(role) ?? [];
    groups.set(role, list);
    list.push({ tensor, value: values[tensor] ?? 0 });
  }
  return [...groups].map(([name, dots]) => ({ name, dots }));
}

/** Spread of each group in three figures. */
function roleRows(groups: readonly DotGroup[], text: (value: number) => string): FigureRows {
  return {
    columns: [
      { label: 'role' },
      { label: 'tensors', text: String },
      { label: 'smallest', text },
      { label: 'median', text },
      { label: 'largest', text },
    ],
    rows: groups.map(({ name, dots }) => {
      // Ranked, the largest first.
      const values = dots.map((dot) => dot.value);
      return {
        key: name,
        cells: [
          name,
          values.length,
          values.at(-1) ?? Number.NaN,
          median(values) ?? Number.NaN,
          values[0] ?? Number.NaN,
        ],
      };
    }),
  };
}
