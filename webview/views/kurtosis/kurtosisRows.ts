// The charts of the Kurtosis lens as rows.

import type { ScatterPoint } from '../../charts/FigureScatter.tsx';
import type { FigureRows } from '../../charts/figureRows.ts';
import type { LayerSeries } from '../../charts/LayerLines.tsx';
import { shownName } from '../../charts/visibleText.ts';

/** One row per layer, one column per role; NaN where a layer has none. */
export function layerRows(series: readonly LayerSeries[]): FigureRows {
  const layers = new Map<number, number[]>();
  series.forEach(({ points }, s) => {
    for (const { layer, value } of points) {
      const cells = layers.get(layer) ?? series.map(() => Number.NaN);
      layers.set(layer, cells);
      cells[s] = value;
    }
  });
  return {
    columns: [{ label: 'layer', text: String }, ...series.map(({ name }) => ({ label: name }))],
    rows: [...layers].sort(([a], [b]) => a - b).map(([layer, cells]) => ({ key: layer, cells: [layer, ...cells] })),
  };
}

/** One row per tensor, largest kurtosis first. */
export function scatterRows(points: readonly ScatterPoint[], open: (tensor: number) => void): FigureRows {
  return {
    columns: [{ label: 'tensor' }, { label: 'role' }, { label: 'excess kurtosis' }, { label: 'max / mean' }],
    rows: [...points]
      .sort((a, b) => b.y - a.y || a.tensor - b.tensor)
      .map(({ tensor, name, group, x, y }) => ({
        key: tensor,
        cells: [shownName(name, 80), group, y, x],
        pick: () => open(tensor),
      })),
  };
}

/** One table of both: the layers of either, weights first. */
export function sideBySide(weights: FigureRows, inputs: FigureRows): FigureRows {
  const layers = [...new Set([...weights.rows, ...inputs.rows].map((row) => Number(row.key)))].sort((a, b) => a - b);
  const cellsOf = (from: FigureRows, layer: number): readonly (string | number)[] =>
    from.rows.find((row) => row.key === layer)?.cells.slice(1) ?? from.columns.slice(1).map(() => Number.NaN);
  const headed = (what: string, { columns }: FigureRows) =>
    columns.slice(1).map(({ label }) => ({ label: `${what} ${label}` }));
  return {
    columns: [{ label: 'layer', text: String }, ...headed('W', weights), ...headed('x', inputs)],
    rows: layers.map((layer) => ({
      key: layer,
      cells: [layer, ...cellsOf(weights, layer), ...cellsOf(inputs, layer)],
    })),
  };
}
