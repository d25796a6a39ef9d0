// Kurtosis with the max-to-mean ratio beside it, per layer and per role, and what neither can tell.

import { max } from 'd3';
import { type ReactNode, useMemo } from 'react';
import { ChartWithTable } from '../../app/ChartWithTable.tsx';
import { useLayout, useModel, useSession } from '../../app/context.ts';
import { metricById } from '../../app/metrics.ts';
import { select } from '../../app/viewState.ts';
import { FigureScatter, type ScatterPoint } from '../../charts/FigureScatter.tsx';
import { LayerLines, type LayerSeries } from '../../charts/LayerLines.tsx';
import { layerSeries } from '../../charts/layerSeries.ts';
import { cellFigure, figure } from '../../charts/numberFormat.ts';
import { Empty } from '../../ui/states.tsx';
import { InputKurtosis } from '../activations/InputKurtosis.tsx';
import { layerRows, scatterRows } from './kurtosisRows.ts';

export function KurtosisView(): ReactNode {
  const session = useSession();
  const table = useModel((s) => s.table);
  const statistics = useModel((s) => s.statistics);
  const version = useModel((s) => s.figuresVersion);
  const layout = useLayout();
  const { points, kurtosis, ratio, roles } = useMemo(() => {
    void version;
    const found: ScatterPoint[] = [];
    const byRole = new Map<string, { kurtosis: number[]; ratio: number[] }>();
    table?.names.forEach((name, t) => {
      const k = statistics.columns.kurtosis[t] ?? Number.NaN;
      const r = statistics.columns.maxToMeanRatio[t] ?? Number.NaN;
      if ((layout.blockOf[t] ?? -1) < 0 || !Number.isFinite(k) || !Number.isFinite(r)) return;
      found.push({ tensor: t, name, group: table.roles[t] ?? 'other', x: r, y: k });
      const role = byRole.get(table.roles[t] ?? 'other') ?? { kurtosis: [], ratio: [] };
      byRole.set(table.roles[t] ?? 'other', role);
      role.kurtosis.push(k);
      role.ratio.push(r);
    });
    const series = (values: Float64Array): LayerSeries[] =>
      table === null ? [] : layerSeries(table, values, layout.blockOf);
    return {
      points: found,
      kurtosis: series(statistics.columns.kurtosis),
      ratio: series(statistics.columns.maxToMeanRatio),
      roles: [...byRole],
    };
  }, [table, statistics, version, layout]);
  if (points.length === 0) return <Empty>No tensor has been measured yet.</Empty>;
  const open = (tensor: number): void => session.view.set((v) => select(v, tensor));
  return (
    <article data-testid="kurtosis">
      <p className="lead" data-testid="kurtosis-note">
        Excess kurtosis near 0 is a Gaussian, easy to quantize to 4 bits; large values point at few channels far from
        the rest. <strong>Neither kurtosis nor max/mean alone predicts damage</strong>: see Sensitivity for what
        quantizing does.
      </p>
      <InputKurtosis />
      {kurtosis.length === 0 ? null : (
        <>
          <ChartWithTable id="kurtosis-layers" title="Excess kurtosis by layer" figures={() => layerRows(kurtosis)}>
            <LayerLines series={kurtosis} label="Excess kurtosis by layer and role" text={cellFigure} onPick={open} />
          </ChartWithTable>
          <ChartWithTable id="ratio-layers" title="Max / mean by layer" figures={() => layerRows(ratio)}>
            <LayerLines series={ratio} label="Max to mean ratio by layer and role" text={cellFigure} onPick={open} />
          </ChartWithTable>
        </>
      )}
      <ChartWithTable id="kurtosis-ratio" title="Both, one dot per tensor" figures={() => scatterRows(points, open)}>
        <FigureScatter
          points={points}
          xLabel={`${metricById('maxToMeanRatio')?.label} →`}
          yLabel="↑ excess kurtosis"
          onPick={open}
        />
      </ChartWithTable>
      <h3>By role</h3>
      <table className="figures" aria-label="Kurtosis and max to mean ratio by role">
        <thead>
          <tr>
            <th scope="col">role</th>
            <th scope="col">tensors</th>
            <th scope="col">median kurtosis</th>
            <th scope="col">largest</th>
            <th scope="col">median max/mean</th>
            <th scope="col">largest</th>
          </tr>
        </thead>
        <tbody>
          {roles.map(([role, values]) => (
            <tr key={role}>
              <th scope="row">{role}</th>
              <td>{values.kurtosis.length}</td>
              <td>{figure(median(values.kurtosis))}</td>
              <td>{figure(max(values.kurtosis) ?? Number.NaN)}</td>
              <td>{figure(median(values.ratio))}</td>
              <td>{figure(max(values.ratio) ?? Number.NaN)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </article>
  );
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}
