// Pictures of channels: more of them than pixels, so that every cell keeps the most extreme of its own.

import type { ActivationMap, ActivationStatistic, TokenMap } from '../protocol/calibration.ts';
import type { ActivationStatistics } from './activationStatistics.ts';

/**
 * Layers × channels of one tap.
 * @param width cells of a row at most
 * @returns layers that have the tap, none where nobody has it
 */
export function activationMap(
  statistics: ActivationStatistics,
  tap: string,
  statistic: ActivationStatistic,
  width: number,
): ActivationMap {
  const found = statistics.layers.flatMap(({ layer, taps }) => {
    const own = taps.find(({ name }) => name === tap);
    return own === undefined ? [] : [{ layer, values: own.moments.channels()[statistic] }];
  });
  const columns = found.reduce((most, { values }) => Math.max(most, values.length), 0);
  return {
    tap,
    statistic,
    layers: found.map(({ layer }) => layer),
    ...downSampled(
      found.map(({ values }) => values),
      columns,
      width,
    ),
  };
}

/** Tokens × channels. @param values [tokens, columns] */
export function tokenRows(
  values: Float32Array,
  columns: number,
  width: number,
): Pick<TokenMap, 'columns' | 'width' | 'values' | 'channels'> {
  const rows = Array.from({ length: values.length / columns }, (_, row) =>
    values.subarray(row * columns, (row + 1) * columns),
  );
  return downSampled(rows, columns, width);
}

/** Each cell has the value of largest magnitude among its channels, and which it is; NaN beyond a row's end. */
function downSampled(rows: readonly (Float32Array | Float64Array)[], columns: number, wanted: number) {
  const width = Math.min(columns, wanted);
  const values = new Float32Array(rows.length * width).fill(Number.NaN);
  const channels = new Uint32Array(rows.length * width);
  rows.forEach((row, r) => {
    for (let cell = 0; cell < width; cell++) {
      const first = Math.floor((cell * columns) / width);
      const end = Math.floor(((cell + 1) * columns) / width);
      const at = r * width + cell;
      channels[at] = first;
      for (let channel = first; channel < Math.min(end, row.length); channel++) {
        const value = row[channel] ?? Number.NaN;
        // NaN compares false: the first value of a cell is always taken, one that is NaN never.
        if (Number.isNaN(value) || Math.abs(value) <= Math.abs(values[at] ?? 0)) continue;
        values[at] = value;
        channels[at] = channel;
      }
    }
  });
  return { columns, width, values, channels };
}
