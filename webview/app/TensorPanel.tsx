// The selected tensor: picture, distribution, figures, and what each type would cost here.

import { type ReactNode, useCallback, useMemo } from 'react';
import type { StatisticsRow } from '../../core/protocol/objects.ts';
import type { FigureRow, FigureRows } from '../charts/figureRows.ts';
import { Histogram } from '../charts/Histogram.tsx';
import { bytes, count, figure, grouped, percent, shapeText } from '../charts/numberFormat.ts';
import { visibleText } from '../charts/visibleText.ts';
import { Empty, Failed, Working } from '../ui/states.tsx';
import { CellSiblings } from './CellSiblings.tsx';
import { ChartWithTable } from './ChartWithTable.tsx';
import { useModel, useView } from './context.ts';
import { packedText } from './storedAs.ts';
import { TensorCosts } from './TensorCosts.tsx';
import { TensorPicture } from './TensorPicture.tsx';
import { TensorScores } from './TensorScores.tsx';
import { useCall } from './useCall.ts';

export function TensorPanel(): ReactNode {
  const selected = useView((v) => v.selected);
  const table = useModel((s) => s.table);
  const model = useModel((s) => s.summary?.model ?? null);
  const statistics = useModel((s) => s.statistics);
  const running = useModel((s) => s.tasks.statistics.status === 'running');
  const version = useModel((s) => s.figuresVersion);
  const row = useMemo(() => {
    void version;
    return selected === null ? undefined : statistics.rows[selected];
  }, [statistics, selected, version]);
  const profile = useCall(
    'profile',
    model === null || selected === null ? null : { model, tensor: selected },
    selected,
  );
  const histogram = profile.value?.histogram ?? null;
  const bins = useCallback(
    () => (histogram === null || row === undefined ? null : histogramRows(histogram, row.min, row.max)),
    [histogram, row],
  );
  if (selected === null || table === null) {
    return (
      <Empty>Select a cell of the grid to see its weights, their distribution and what each type would cost.</Empty>
    );
  }
  const name = table.names[selected] ?? '';
  const elements = table.elements[selected] ?? 0;
  const packed = packedText(table, selected);
  return (
    <article className="tensor" data-testid="tensor-panel">
      <h2 className="tensor-name" title={visibleText(name)} data-testid="tensor-name">
        {visibleText(name)}
      </h2>
      <CellSiblings tensor={selected} />
      <p className="hint number">
        {shapeText(table.shapes[selected] ?? [])} · {table.dtypes[selected]} · {bytes(table.bytes[selected] ?? 0)} ·{' '}
        {count(elements)} weights · {table.roles[selected]}
      </p>
      {packed === null ? null : (
        <p className="hint number" data-testid="tensor-scheme">
          {packed}
        </p>
      )}
      {elements === 0 ? (
        <Empty>This tensor has no elements.</Empty>
      ) : (
        <>
          <TensorPicture tensor={selected} />
          <ChartWithTable id="histogram" title="Distribution" figures={bins}>
            {profile.failure !== null ? (
              <Failed failure={profile.failure} />
            ) : profile.value === null || row === undefined ? (
              running || profile.pending ? (
                <Working what="Reading the tensor once for its histogram" />
              ) : (
                <Empty>Not measured.</Empty>
              )
            ) : (
              <Histogram bins={profile.value.histogram} min={row.min} max={row.max} mean={row.mean} std={row.std} />
            )}
          </ChartWithTable>
          {row === undefined ? null : <TensorFigures row={row} />}
          <TensorScores tensor={selected} />
          <TensorCosts tensor={selected} />
        </>
      )}
    </article>
  );
}

/** Bins that hold anything, from the smallest value up. */
function histogramRows(bins: Float64Array, min: number, max: number): FigureRows {
  const total = bins.reduce((sum, n) => sum + n, 0) || 1;
  const edge = (i: number): number => min + (i * (max - min)) / bins.length;
  const rows: FigureRow[] = [];
  bins.forEach((n, i) => {
    if (n > 0) rows.push({ key: i, cells: [edge(i), edge(i + 1), n, n / total] });
  });
  return {
    columns: [
      { label: 'from' },
      { label: 'to' },
      { label: 'weights', text: grouped },
      { label: 'share', text: percent },
    ],
    rows,
  };
}

/** From here on figures are drawn as a warning: far beyond a Gaussian's. */
const HEAVY_KURTOSIS = 10;

function TensorFigures(props: { row: StatisticsRow['statistics'] }): ReactNode {
  const { row } = props;
  const [m3, m5, m7, m10] = row.layerOutlierDistribution;
  const broken = row.nan > 0 || row.inf > 0;
  const figures: readonly [string, string, string, boolean?][] = [
    ['kurtosis', figure(row.kurtosis), 'excess (Fisher): E[(w − μ)⁴]/σ⁴ − 3', row.kurtosis > HEAVY_KURTOSIS],
    ['max / mean', figure(row.maxToMeanRatio), 'max|w| / mean|w|'],
    ['> 3σ', percent(row.outlierFraction3), 'share of |w − μ| > 3σ'],
    ['> 6σ', percent(row.outlierFraction6), 'share of |w − μ| > 6σ', row.outlierFraction6 > 0],
    ['abs max', figure(row.absMax), 'max|w|'],
    ['std', figure(row.std), 'population standard deviation'],
    ['mean', figure(row.mean), 'mean of w'],
    ['zeros', percent(row.count === 0 ? 0 : row.zeros / row.count), 'share of exact zeros'],
  ];
  return (
    <>
      <dl className="figure-grid">
        {figures.map(([label, text, formula, warn]) => (
          <div key={label} title={formula}>
            <dt>{label}</dt>
            <dd className={warn === true ? 'hot' : ''}>{text}</dd>
          </div>
        ))}
      </dl>
      <p className="hint number" title="share of |w| > M · mean|w| (OwLore, arXiv:2405.18380)">
        Layer outlier distribution: M=3 {percent(m3)} · M=5 {percent(m5)} · M=7 {percent(m7)} · M=10 {percent(m10)}
      </p>
      {broken ? (
        <p className="notice warning inline" role="alert">
          {row.nan > 0 ? `${count(row.nan)} NaN` : ''}
          {row.nan > 0 && row.inf > 0 ? ' and ' : ''}
          {row.inf > 0 ? `${count(row.inf)} infinite` : ''} elements: counted, and left out of the other figures.
        </p>
      ) : null}
    </>
  );
}
