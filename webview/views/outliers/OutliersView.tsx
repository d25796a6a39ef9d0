// Where the outliers are: the tensors that stand out most, under the metric of the grid.

import { type ReactNode, useMemo } from 'react';
import { useLayout, useLensFigures, useModel } from '../../app/context.ts';
import { RankedTensors } from '../../app/RankedTensors.tsx';
import { DotStrip } from '../../charts/DotStrip.tsx';
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
      <h3>By role</h3>
      <DotStrip groups={groups} scale={scale} ramp={metric.ramp} text={metric.text} label={`${metric.label} by role`} />
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
