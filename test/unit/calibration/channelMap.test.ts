// Pictures of channels keep the extremes, with the channel they are of.

import { describe, expect, test } from 'vitest';
import { ActivationStatistics } from '../../../core/calibration/activationStatistics.ts';
import { activationMap, tokenRows } from '../../../core/calibration/channelMap.ts';

/** One layer run on rows of 10 channels. */
function measured(...layers: number[]): ActivationStatistics {
  const statistics = new ActivationStatistics('map');
  const block = { taps: [{ name: 'ffn_in', modules: ['up'], value: '', columns: 10 }] } as never;
  for (const layer of layers) {
    const rows = Float32Array.from({ length: 20 }, (_, i) => (i % 10 === 7 ? -50 - layer : (i % 10) / 10 + i / 100));
    const found = { out: new Float32Array(4), 'tap.ffn_in': rows };
    statistics.receive(layer, found, { sequences: 1, tokens: 2, first: 0, block });
  }
  return statistics;
}

describe('layers × channels', () => {
  test('cells hold the value of largest magnitude, signed, and its channel', () => {
    const map = activationMap(measured(0, 3), 'ffn_in', 'mean', 4);
    expect(map).toMatchObject({ layers: [0, 3], columns: 10, width: 4, statistic: 'mean' });
    // Channels 0–1, 2–4, 5–6, 7–9.
    expect([...map.channels]).toEqual([1, 4, 6, 7, 1, 4, 6, 7]);
    expect(map.values[3]).toBe(-50);
    expect(map.values[7]).toBe(-53);
    expect(map.values[0]).toBeCloseTo(0.1 + (0.01 + 0.11) / 2, 6);
  });

  test('no more cells than channels; channels without a value are left out', () => {
    const map = activationMap(measured(1), 'ffn_in', 'kurtosis', 64);
    expect(map.width).toBe(10);
    expect([...map.channels]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(map.values[7]).toBeNaN(); // the channel never changes
    expect(map.values[0]).toBeCloseTo(-2, 5); // two values: the least kurtosis there is
    expect(activationMap(measured(1), 'ffn_in', 'kurtosis', 1).values[0]).not.toBeNaN();
  });

  test('a tap nobody has', () => {
    expect(activationMap(measured(0), 'nothing', 'absMax', 8).layers).toEqual([]);
  });
});

test('tokens × channels', () => {
  const values = Float32Array.of(1, -5, 2, 0, 0, 0, 3, -4);
  expect(tokenRows(values, 4, 2)).toEqual({
    columns: 4,
    width: 2,
    values: Float32Array.of(-5, 2, 0, -4),
    channels: Uint32Array.of(1, 2, 0, 3),
  });
});
