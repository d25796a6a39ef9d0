// Kurtosis along depth, weights and their inputs side by side: outliers of one say little about the other.

import { type ReactNode, useMemo } from 'react';
import { firstFed } from '../../app/activationFigures.ts';
import { ChartWithTable } from '../../app/ChartWithTable.tsx';
import { useLayout, useModel, useSession } from '../../app/context.ts';
import { select } from '../../app/viewState.ts';
import { LayerLines, type LayerSeries } from '../../charts/LayerLines.tsx';
import { layerSeries } from '../../charts/layerSeries.ts';
import { cellFigure } from '../../charts/numberFormat.ts';
import { layerRows, sideBySide } from '../kurtosis/kurtosisRows.ts';

export function InputKurtosis(): ReactNode {
  const session = useSession();
  const table = useModel((s) => s.table);
  const kurtosis = useModel((s) => s.statistics.columns.kurtosis);
  const version = useModel((s) => s.figuresVersion);
  const activations = useModel((s) => s.activations);
  const layout = useLayout();
  const weights = useMemo((): LayerSeries[] => {
    void version;
    return table === null ? [] : layerSeries(table, kurtosis, layout.blockOf);
  }, [table, kurtosis, version, layout]);
  const inputs = useMemo((): LayerSeries[] => {
    if (activations === null) return [];
    const fed = firstFed(activations);
    return activations.all.taps.map(({ tap }) => ({
      name: tap,
      points: activations.all.rows.flatMap((row, at) =>
        row.tap === tap && Number.isFinite(row.kurtosis)
          ? [{ layer: row.layer, value: row.kurtosis, tensor: fed[at] ?? -1 }]
          : [],
      ),
    }));
  }, [activations]);
  if (inputs.every(({ points }) => points.length === 0)) return null;
  const open = (tensor: number): void => {
    if (tensor >= 0) session.view.set((v) => select(v, tensor));
  };
  return (
    <ChartWithTable
      id="input-kurtosis"
      title="Excess kurtosis along depth"
      figures={() => sideBySide(layerRows(weights), layerRows(inputs))}
    >
      <div className="pair">
        <div>
          <h4>Weights, by role</h4>
          <LayerLines series={weights} label="Excess kurtosis of weights by layer" text={cellFigure} onPick={open} />
        </div>
        <div>
          <h4>Activations, by tap</h4>
          <LayerLines series={inputs} label="Excess kurtosis of activations by layer" text={cellFigure} onPick={open} />
        </div>
      </div>
    </ChartWithTable>
  );
}
