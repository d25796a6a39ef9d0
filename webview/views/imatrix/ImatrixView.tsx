// What an importance matrix was made from, how its figures run along the network, and where they are largest.

import { type ReactNode, useMemo } from 'react';
import { ChartWithTable } from '../../app/ChartWithTable.tsx';
import { useLayout, useLensFigures, useModel, useSession } from '../../app/context.ts';
import { RankedTensors } from '../../app/RankedTensors.tsx';
import { select } from '../../app/viewState.ts';
import { LayerLines } from '../../charts/LayerLines.tsx';
import { layerSeries } from '../../charts/layerSeries.ts';
import { grouped } from '../../charts/numberFormat.ts';
import { shownName } from '../../charts/visibleText.ts';
import { Empty } from '../../ui/states.tsx';
import { layerRows } from '../kurtosis/kurtosisRows.ts';
import { Metadata } from '../overview/Metadata.tsx';

const SHOWN = 12;

export function ImatrixView(): ReactNode {
  const session = useSession();
  const summary = useModel((s) => s.summary);
  const table = useModel((s) => s.table);
  const layout = useLayout();
  const { metric, values, scale } = useLensFigures();
  const series = useMemo(
    () => (table === null ? [] : layerSeries(table, values, layout.blockOf)),
    [table, values, layout],
  );
  const ranked = useMemo(() => {
    const known = Array.from(values.keys()).filter((t) => Number.isFinite(values[t]));
    return known.sort((a, b) => (values[b] ?? 0) - (values[a] ?? 0) || a - b).slice(0, SHOWN);
  }, [values]);
  if (summary === null || summary.imatrix === null) return null;
  const { datasets, chunks, chunkTokens } = summary.imatrix;
  // Old files tell less: what is not known is left out.
  const figures: readonly (readonly [string, number | null])[] = [
    ['chunks', chunks],
    ['tokens a chunk', chunkTokens],
    ['tokens', chunks === null || chunkTokens === null ? null : chunks * chunkTokens],
    ['tensors', summary.tensorCount],
  ];
  return (
    <article data-testid="imatrix">
      <p className="lead">
        How strongly each input column of each tensor was driven while a model read the texts below: the mean squared
        activation E[x²]. Errors in strong columns cost most, so quantizers that know them round those best.
      </p>
      <dl className="figure-grid large">
        {figures.map(([label, value]) =>
          value === null ? null : (
            <div key={label}>
              <dt>{label}</dt>
              <dd>{grouped(value)}</dd>
            </div>
          ),
        )}
      </dl>
      <h3>Calibration texts</h3>
      {datasets.length === 0 ? (
        <p className="hint">The file does not name them.</p>
      ) : (
        <ul className="datasets" data-testid="datasets">
          {[...new Set(datasets)].map((name) => (
            <li key={name}>
              <code>{shownName(name, 160)}</code>
            </li>
          ))}
        </ul>
      )}
      {series.length === 0 ? null : (
        <ChartWithTable
          id="importance-layers"
          title={`${capital(metric.label)} by layer${metric.unit === '' ? '' : `, ${metric.unit}`}`}
          figures={() => layerRows(series)}
        >
          <LayerLines
            series={series}
            label={`${metric.label} by layer and role`}
            text={metric.text}
            kind={metric.scale === 'log' ? 'log' : 'linear'}
            onPick={(tensor) => session.view.set((v) => select(v, tensor))}
          />
        </ChartWithTable>
      )}
      <h3>Largest {metric.label}</h3>
      {ranked.length === 0 ? (
        <Empty>No tensor has been measured yet.</Empty>
      ) : (
        <RankedTensors tensors={ranked} values={values} metric={metric} scale={scale} />
      )}
      <Metadata summary={summary} />
    </article>
  );
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
