// The selected tensor of an importance matrix: its columns, how concentrated they are, and the largest by name.

import { type ReactNode, useCallback, useMemo, useState } from 'react';
import { CellSiblings } from '../../app/CellSiblings.tsx';
import { ChartWithTable } from '../../app/ChartWithTable.tsx';
import { useModel, useSession, useView } from '../../app/context.ts';
import { TOP_COLUMNS } from '../../app/energyReader.ts';
import { useCall } from '../../app/useCall.ts';
import { ColumnEnergy } from '../../charts/ColumnEnergy.tsx';
import { EnergyCurve, type EnergyPoint, energyCurve } from '../../charts/EnergyCurve.tsx';
import type { FigureRows } from '../../charts/figureRows.ts';
import { exactFloat, figure, grouped, percent } from '../../charts/numberFormat.ts';
import { topShare, valuesHolding } from '../../charts/topShare.ts';
import { visibleText } from '../../charts/visibleText.ts';
import { Empty, Failed, Working } from '../../ui/states.tsx';
import { Button } from '../../ui/toolkit.tsx';

const CURVE_POINTS = 200;

export function ImatrixTensor(): ReactNode {
  const selected = useView((v) => v.selected);
  const table = useModel((s) => s.table);
  if (selected === null || table === null) {
    return <Empty>Select a cell of the grid to see which of its columns carry the activations.</Empty>;
  }
  const name = table.names[selected] ?? '';
  const columns = table.shapes[selected]?.at(-1) ?? 0;
  const matrices = columns === 0 ? 0 : (table.elements[selected] ?? 0) / columns;
  return (
    <article className="tensor" data-testid="tensor-panel">
      <h2 className="tensor-name" title={visibleText(name)} data-testid="tensor-name">
        {visibleText(name)}
      </h2>
      <CellSiblings tensor={selected} />
      <p className="hint number">
        {grouped(columns)} columns · {table.roles[selected]}
        {matrices > 1 ? ` · ${grouped(matrices)} matrices` : ''}
      </p>
      {columns === 0 || matrices === 0 ? (
        <Empty>This tensor has no columns.</Empty>
      ) : (
        <Columns tensor={selected} matrices={matrices} />
      )}
    </article>
  );
}

/** Columns of one matrix; tensors of experts have several. */
function Columns(props: { tensor: number; matrices: number }): ReactNode {
  const { tensor, matrices } = props;
  const session = useSession();
  const model = useModel((s) => s.summary?.model ?? null);
  const channel = useView((v) => v.channel);
  const [hovered, setHovered] = useState<number | null>(null);
  const matrix = channel !== null && channel.axis === 'row' && channel.index < matrices ? channel.index : 0;
  const answer = useCall('channel', model === null ? null : { model, tensor, axis: 'row', index: matrix }, tensor);
  const values = answer.value?.values ?? null;
  const figures = useMemo(() => (values === null ? null : columnFigures(values)), [values]);
  const rows = useCallback(() => (values === null ? null : columnRows(values)), [values]);
  const go = (step: number): void =>
    session.view.set({ channel: { axis: 'row', index: (matrix + step + matrices) % matrices } });
  const tools =
    matrices < 2 ? null : (
      <>
        <Button appearance="icon" label="Previous matrix" testId="matrix-previous" onClick={() => go(-1)}>
          ‹
        </Button>
        <span className="hint number" data-testid="matrix-position">
          {grouped(matrix + 1)} of {grouped(matrices)}
        </span>
        <Button appearance="icon" label="Next matrix" testId="matrix-next" onClick={() => go(1)}>
          ›
        </Button>
      </>
    );
  if (answer.failure !== null) return <Failed failure={answer.failure} />;
  if (values === null || figures === null) return <Working what="Reading the columns" />;
  const shown = hovered ?? figures.peak;
  return (
    <>
      <ChartWithTable id="columns" title="Mean squared activation by column" tools={tools} figures={rows}>
        <ColumnEnergy
          label={`Mean squared activation of ${values.length} columns, logarithmic`}
          values={values}
          mean={figures.mean}
          marked={hovered}
          onHover={setHovered}
        />
        <p className="readout number" data-testid="column-readout">
          {shown === null ? (
            <span className="hint">no column was ever active</span>
          ) : (
            <>
              column <b>{grouped(shown)}</b> = <b>{exactFloat(values[shown] ?? 0)}</b>
              <span className="hint">
                {' '}
                · {figure((values[shown] ?? 0) / figures.mean)} × mean · {percent((values[shown] ?? 0) / figures.sum)}{' '}
                of the energy{hovered === null ? ' · the largest' : ''}
              </span>
            </>
          )}
        </p>
      </ChartWithTable>
      <dl className="figure-grid">
        {figures.list.map(([label, text, formula]) => (
          <div key={label} title={formula}>
            <dt>{label}</dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
      <ChartWithTable id="energy" title="Energy held by the largest columns" figures={() => curveRows(figures.curve)}>
        <EnergyCurve
          points={figures.curve}
          label="Share of the energy over share of the columns, largest first; the dashed line is an even spread"
        />
      </ChartWithTable>
      {figures.broken === 0 ? null : (
        <p className="notice warning inline" role="alert">
          {grouped(figures.broken)} columns are NaN or infinite and left out of the figures.
        </p>
      )}
    </>
  );
}

function columnFigures(values: Float32Array) {
  const finite = values.filter(Number.isFinite);
  const sum = finite.reduce((total, value) => total + value, 0);
  const mean = finite.length === 0 ? 0 : sum / finite.length;
  let [second, fourth, zeros] = [0, 0, 0];
  for (const value of finite) {
    const square = (value - mean) ** 2;
    second += square;
    fourth += square * square;
    if (value === 0) zeros++;
  }
  const peak = values.reduce<number | null>(
    (best, value, at) => (value > (best === null ? 0 : (values[best] ?? 0)) ? at : best),
    null,
  );
  const half = valuesHolding(values, 0.5);
  const list: readonly (readonly [label: string, text: string, formula: string])[] = [
    ['mean', figure(mean), 'mean of E[x²] over the columns'],
    ['max / mean', figure((peak === null ? 0 : (values[peak] ?? 0)) / mean), 'largest E[x²] / mean E[x²]'],
    ['top 1 %', percent(topShare(values, TOP_COLUMNS)), 'share of Σ E[x²] in the largest 1 % of columns'],
    [
      'half lies in',
      `${grouped(half)} ${half === 1 ? 'column' : 'columns'}`,
      'the fewest columns that hold half of Σ E[x²]',
    ],
    ['kurtosis', figure((finite.length * fourth) / second ** 2 - 3), 'excess, over the columns'],
    ['zeros', percent(finite.length === 0 ? 0 : zeros / finite.length), 'share of columns never active'],
  ];
  const curve = energyCurve(values, CURVE_POINTS);
  return { sum, mean, peak, list, curve, broken: values.length - finite.length };
}

function curveRows(curve: readonly EnergyPoint[]): FigureRows {
  return {
    columns: [
      { label: 'largest columns', text: percent },
      { label: 'energy', text: percent },
    ],
    rows: curve.map(({ columns, energy }) => ({ key: columns, cells: [columns, energy] })),
  };
}

/** Every column, the largest first, with the share of the energy up to and including it. */
function columnRows(values: Float32Array): FigureRows {
  const size = (at: number): number => (Number.isFinite(values[at]) ? (values[at] ?? 0) : -1);
  const order = Array.from(values.keys()).sort((a, b) => size(b) - size(a) || a - b);
  const sum = values.reduce((total, value) => total + (Number.isFinite(value) ? value : 0), 0);
  let held = 0;
  return {
    columns: [
      { label: 'column', text: grouped },
      { label: 'E[x²]', text: exactFloat },
      { label: 'share', text: percent },
      { label: 'up to here', text: percent },
    ],
    rows: order.map((column) => {
      held += Math.max(0, size(column));
      const value = values[column] ?? Number.NaN;
      return { key: column, cells: [column, value, value / sum, held / sum] };
    }),
  };
}
