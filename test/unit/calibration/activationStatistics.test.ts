// Activation statistics of the sample model against float64 loops over everything it computed.

import { afterAll, describe, expect, test } from 'vitest';
import { ActivationStatistics } from '../../../core/calibration/activationStatistics.ts';
import { visibleFrom } from '../../../core/calibration/attentionReceived.ts';
import { hitsOf } from '../../../core/calibration/expertRows.ts';
import { readStatistics, statisticsBytes } from '../../../core/calibration/statisticsBytes.ts';
import { createPool } from '../../../core/kernels/pool.ts';
import { capture, observe, openSample, SEQUENCES } from './captured.ts';

const pool = createPool(new URL('../forward/worker.ts', import.meta.url), 2);
afterAll(() => pool.close());

const decoder = await openSample(pool);
const captured = await capture(decoder, SEQUENCES);
const statistics = new ActivationStatistics('sample');
await observe(decoder, SEQUENCES, statistics);
const TOKENS = 200;

/** Two passes: the mean first, then powers of differences from it. */
function straightforward(values: readonly number[]) {
  const n = values.length;
  const mean = values.reduce((sum, x) => sum + x, 0) / n;
  const moment = (power: number): number => values.reduce((sum, x) => sum + (x - mean) ** power, 0) / n;
  const absMax = values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  return {
    absMax,
    mean,
    std: Math.sqrt(moment(2)),
    rms: Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / n),
    kurtosis: moment(4) / moment(2) ** 2 - 3,
    maxToMeanRatio: absMax / (values.reduce((sum, x) => sum + Math.abs(x), 0) / n),
  };
}

const channelOf = (all: readonly number[], channel: number, columns: number): number[] =>
  Array.from({ length: all.length / columns }, (_, row) => all[row * columns + channel] ?? Number.NaN);

/** Raw power sums in float64 lose some digits to cancellation; what is left is far more than anyone reads. */
const close = (found: number | undefined, wanted: number, scale = Math.abs(wanted)): void =>
  expect(Math.abs((found ?? Number.NaN) - wanted)).toBeLessThanOrEqual(1e-9 * scale + 1e-12);

describe('taps', () => {
  test('all inputs of linear layers and the residual stream, every token of every layer', () => {
    expect(statistics.layers.map(({ layer }) => layer)).toEqual([0, 1, 2, 3, 4, 5]);
    for (const { taps } of statistics.layers) {
      expect(taps.map(({ name }) => name)).toEqual(['attn_in', 'o_in', 'ffn_in', 'down_in', 'hidden']);
      expect(taps[1]?.modules).toEqual(['o']);
      for (const { moments } of taps) expect(moments.rows).toBe(6 * TOKENS);
    }
  });

  test.each([0, 3, 5])('layer %i: figures of every channel', (layer) => {
    for (const { name, moments } of statistics.layers[layer]?.taps ?? []) {
      const all = captured.get(layer)?.get(name) ?? [];
      const found = moments.channels();
      const squares = moments.squares();
      for (let channel = 0; channel < moments.columns; channel++) {
        const wanted = straightforward(channelOf(all, channel, moments.columns));
        expect(found.absMax[channel]).toBe(wanted.absMax);
        close(found.mean[channel], wanted.mean, wanted.rms);
        close(found.std[channel], wanted.std);
        close(found.rms[channel], wanted.rms);
        // The fourth moment is a difference of sums (mean / std)⁴ larger.
        close(found.kurtosis[channel], wanted.kurtosis, 10 + (wanted.mean / wanted.std) ** 4);
        close((squares[channel] ?? 0) / moments.rows, wanted.rms ** 2);
      }
    }
  });

  test('figures of whole taps', () => {
    for (const { layer, taps } of statistics.layers)
      for (const { name, moments } of taps) {
        const all = captured.get(layer)?.get(name) ?? [];
        const wanted = straightforward(all);
        const found = moments.whole();
        expect(found.absMax).toBe(wanted.absMax);
        close(found.mean, wanted.mean, wanted.rms);
        close(found.std, wanted.std);
        close(found.kurtosis, wanted.kurtosis, 10 + wanted.kurtosis);
        close(found.maxToMeanRatio, wanted.maxToMeanRatio);
        const largest = Array.from({ length: moments.columns }, (_, channel) =>
          Math.max(...channelOf(all, channel, moments.columns).map(Math.abs)),
        ).sort((a, b) => a - b);
        const middle = ((largest[moments.columns / 2 - 1] ?? 0) + (largest[moments.columns / 2] ?? 0)) / 2;
        close(found.channelRatio, wanted.absMax / middle);
      }
  });
});

describe('hidden states', () => {
  test('the largest value of every position and channel, largest first', () => {
    for (const { layer, extremes } of statistics.layers) {
      const all = captured.get(layer)?.get('hidden') ?? [];
      const best = new Map<string, { sequence: number; position: number; channel: number; value: number }>();
      all.forEach((value, at) => {
        const [row, channel] = [Math.floor(at / 256), at % 256];
        const place = { sequence: Math.floor(row / TOKENS), position: row % TOKENS, channel, value };
        const key = `${place.position}/${channel}`;
        if (Math.abs(value) > Math.abs(best.get(key)?.value ?? 0)) best.set(key, place);
      });
      const wanted = [...best.values()].sort((a, b) => Math.abs(b.value) - Math.abs(a.value)).slice(0, 16);
      expect(extremes.largest).toEqual(wanted);
    }
  });

  test('the median magnitude within the width of a bucket', () => {
    for (const { layer, extremes } of statistics.layers) {
      const sorted = (captured.get(layer)?.get('hidden') ?? []).map(Math.abs).sort((a, b) => a - b);
      const wanted = sorted[sorted.length / 2] ?? 0;
      expect(Math.abs(extremes.median() / wanted - 1)).toBeLessThan(0.008);
    }
  });
});

describe('attention', () => {
  test('what every position receives, mean over heads and the tokens that see it', () => {
    for (const { layer, received } of statistics.layers) {
      const all = captured.get(layer)?.get('attention') ?? [];
      const sums = new Float64Array(TOKENS);
      all.forEach((share, at) => {
        const position = at % TOKENS;
        sums[position] = (sums[position] ?? 0) + share;
      });
      const looks = all.length / TOKENS ** 2;
      const visible = visibleFrom(decoder.network.block(layer), TOKENS);
      const shares = received.shares(visible);
      shares.forEach((share, position) => {
        expect(visible[position]).toBe(TOKENS - position);
        const wanted = (sums[position] ?? 0) / looks / (TOKENS - position);
        // float32 sums over some thousand terms inside the graph
        expect(Math.abs(share - wanted)).toBeLessThan(1e-5 * wanted);
      });
    }
  });

  test('a window hides tokens far behind; without a mask all see all', () => {
    const values = Float32Array.of(0, -Infinity, -Infinity, -1.5, 0, -Infinity, -Infinity, 0, 0);
    const block = { weights: new Map(), graph: () => Promise.reject() as never };
    const masked = { ...block, constants: () => ({ mask: { values, dimensions: [3, 3] } }) };
    expect([...visibleFrom(masked, 3)]).toEqual([2, 2, 1]);
    expect([...visibleFrom({ ...block, constants: () => ({}) }, 3)]).toEqual([3, 3, 3]);
  });
});

describe('going on', () => {
  test('sequences in two runs, through bytes between them, give the same statistics bit for bit', async () => {
    const first = new ActivationStatistics('sample');
    await observe(decoder, SEQUENCES.slice(0, 5), first);
    first.advance(5);
    const restored = readStatistics('sample', Uint8Array.from(statisticsBytes(first)));
    if (restored === null) throw new Error('not read');
    expect(restored.sequences).toBe(5);
    await observe(decoder, SEQUENCES.slice(5), restored);
    restored.advance(1);
    const once = new ActivationStatistics('sample');
    await observe(decoder, SEQUENCES, once);
    once.advance(6);
    expect(Buffer.from(statisticsBytes(restored)).equals(Buffer.from(statisticsBytes(once)))).toBe(true);
  });

  test('bytes cut short, or of something else, are not statistics', () => {
    const bytes = Uint8Array.from(statisticsBytes(statistics));
    expect(readStatistics('sample', bytes.slice(0, -8))).toBeNull();
    expect(readStatistics('sample', bytes.slice(0, 3))).toBeNull();
    expect(readStatistics('sample', new Uint8Array(64).fill(7))).toBeNull();
  });
});

test('a value that is not finite names layer and tap', () => {
  const observed = new ActivationStatistics('model.gguf');
  const found = { out: new Float32Array(4), 'tap.ffn_in': Float32Array.of(1, NaN, 0, 0) };
  const block = { taps: [{ name: 'ffn_in', modules: ['up'], value: '' as never, columns: 2 }] } as never;
  expect(() => observed.receive(3, found, { sequences: 1, tokens: 2, first: 0, block })).toThrow(
    expect.objectContaining({ code: 'NON_FINITE', message: expect.stringMatching(/^model\.gguf: layer 3: ffn_in /) }),
  );
});

describe('experts', () => {
  const tap = (name: string, modules: string[], reached?: string) =>
    ({ name, modules, value: name, columns: 2, ...(reached === undefined ? {} : { reached }) }) as never;
  const block = {
    taps: [
      tap('ffn_in', ['router']),
      tap('ffn_in.0', ['expert_up.0'], 'r'),
      tap('down_in.0', ['expert_down.0'], 'r'),
      tap('ffn_in.1', ['expert_up.1'], 'r'),
      tap('down_in.1', ['expert_down.1'], 'r'),
    ],
  } as never;
  const run = (statistics: ActivationStatistics, rows: Readonly<Record<string, readonly number[]>>): void => {
    const found = Object.entries(rows).map(([name, values]) => [`tap.${name}`, Float32Array.from(values)]);
    const batch = { sequences: 1, tokens: 2, first: 0, block };
    statistics.receive(0, { out: new Float32Array(4), ...Object.fromEntries(found) }, batch);
  };
  const measured = (): ActivationStatistics => {
    const statistics = new ActivationStatistics('experts');
    run(statistics, {
      ffn_in: [1, 2, 3, 4],
      'ffn_in.0': [1, 2, 3, 4],
      'down_in.0': [1, 1, 2, 2],
      'ffn_in.1': [],
      'down_in.1': [],
    });
    run(statistics, {
      ffn_in: [5, 6, 7, 8],
      'ffn_in.0': [],
      'down_in.0': [],
      'ffn_in.1': [7, 8],
      'down_in.1': [3, -3],
    });
    return statistics;
  };

  test('any number of rows, none too: hits of each, all of them together as one tap', () => {
    const [layer] = measured().layers;
    expect(layer?.taps.map(({ name, moments }) => [name, moments.rows])).toEqual([
      ['ffn_in', 4],
      ['down_in', 3],
      ['hidden', 4],
    ]);
    expect([...(layer?.taps[1]?.moments.channels().mean ?? [])]).toEqual([2, 0]);
    expect(hitsOf(layer?.experts ?? [])).toEqual([2, 1]);
  });

  test('squares belong to the weights of each', () => {
    const squares = measured().squares();
    expect(squares.map(({ module, sum, rows }) => [module, [...sum], rows])).toEqual([
      ['router', [84, 120], 4],
      ['expert_up.0', [10, 20], 2],
      ['expert_down.0', [5, 5], 2],
      ['expert_up.1', [49, 64], 1],
      ['expert_down.1', [9, 9], 1],
    ]);
  });

  test('go through bytes and back', () => {
    const bytes = Uint8Array.from(statisticsBytes(measured()));
    const restored = readStatistics('experts', bytes);
    expect(restored?.squares()).toEqual(measured().squares());
  });
});
