// Statistics of every family that runs: second moments are those of the sums of squares, attention adds up, experts too.

import { afterAll, describe, expect, test } from 'vitest';
import { ActivationStatistics } from '../../../core/calibration/activationStatistics.ts';
import { activationTable } from '../../../core/calibration/activationTable.ts';
import { visibleFrom } from '../../../core/calibration/attentionReceived.ts';
import { columnsOf } from '../../../core/calibration/collectImportance.ts';
import { hitsOf } from '../../../core/calibration/expertRows.ts';
import { readStatistics, statisticsBytes } from '../../../core/calibration/statisticsBytes.ts';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { Decoder } from '../../../core/forward/decoder.ts';
import { sumsByTensor } from '../../../core/forward/squareSums.ts';
import { createPool } from '../../../core/kernels/pool.ts';
import { goldenModel, goldenNames } from '../../fixtures/forward/goldenModels.ts';
import { observe } from './captured.ts';

const pool = createPool(new URL('../forward/worker.ts', import.meta.url), 2);
afterAll(() => pool.close());

describe.each(goldenNames())('%s', (name) => {
  const { path, tokens } = goldenModel(name);
  const measured = (async () => {
    const decoder = await Decoder.open(await openCheckpoint(path), pool);
    const statistics = new ActivationStatistics(name);
    await observe(decoder, tokens, statistics);
    statistics.advance(tokens.length);
    return { decoder, statistics };
  })();

  test('importance is that of the sums of squares', async () => {
    const { decoder, statistics } = await measured;
    const found = columnsOf(sumsByTensor(decoder.parts, statistics.squares()));
    const wanted = columnsOf(await decoder.secondMoments(tokens));
    expect([...found.keys()].sort()).toEqual([...wanted.keys()].sort());
    for (const [tensor, columns] of wanted) {
      const own = found.get(tensor);
      expect(own?.length).toBe(columns.length);
      // Squares of float32 in float32 sums there, in float64 here.
      columns.forEach((value, i) => {
        expect(Math.abs((own?.[i] ?? Number.NaN) - value)).toBeLessThanOrEqual(1e-5 * value);
      });
    }
  });

  test('tokens spend their attention on positions they see', async () => {
    const { decoder, statistics } = await measured;
    const length = tokens[0]?.length ?? 0;
    for (const { layer, received } of statistics.layers) {
      const visible = visibleFrom(decoder.network.block(layer), length);
      const spent = received.shares(visible).reduce((sum, share, at) => sum + share * (visible[at] ?? 0), 0);
      expect(Math.abs(spent / length - 1)).toBeLessThan(1e-6);
    }
  });

  test('every row of the table is a number; experts get all the slots there are', async () => {
    const { decoder, statistics } = await measured;
    const table = activationTable(statistics, decoder.network, tokens.length, () => '');
    expect(table.rows.every(({ absMax, std, maxToMeanRatio }) => absMax > 0 && std > 0 && maxToMeanRatio >= 1)).toBe(
      true,
    );
    const all = tokens.length * (tokens[0]?.length ?? 0);
    for (const { taps, experts } of statistics.layers) {
      if (experts.length === 0) continue;
      const slots = hitsOf(experts).reduce((sum, hits) => sum + hits, 0);
      expect(slots).toBeGreaterThan(0);
      expect(slots % all).toBe(0); // each token goes to the same number of experts
      expect(taps.find((tap) => tap.name === 'down_in')?.moments.rows).toBe(slots);
    }
    expect(table.expertHits.length > 0).toBe(/mixtral|moe/.test(name));
  });

  test('through bytes and back', async () => {
    const { statistics } = await measured;
    const bytes = Uint8Array.from(statisticsBytes(statistics));
    const restored = readStatistics(name, bytes);
    expect(restored !== null && Buffer.from(statisticsBytes(restored)).equals(Buffer.from(bytes))).toBe(true);
  });
});
