// The extreme elements of a tile, largest magnitude first: the heatmap as rows.

import type { Tile } from '../../core/protocol/objects.ts';
import type { HeatPoint } from './TensorHeatmap.tsx';

/** NaNs come first: they are worth more attention than any number. Ties in tile order. */
export function largestPoints(tile: Tile, count: number): HeatPoint[] {
  const size = (at: number): number => {
    const value = tile.values[at] ?? 0;
    return Number.isNaN(value) ? Infinity : Math.abs(value);
  };
  const order = Array.from(tile.values, (_, at) => at).sort((a, b) => size(b) - size(a) || a - b);
  const elements = Math.round(
    ((tile.columns[1] - tile.columns[0]) * (tile.rows[1] - tile.rows[0])) / (tile.width * tile.height),
  );
  return order.slice(0, count).map((at) => ({
    row: tile.extremeRows[at] ?? 0,
    column: tile.extremeColumns[at] ?? 0,
    value: tile.values[at] ?? Number.NaN,
    elements,
  }));
}
