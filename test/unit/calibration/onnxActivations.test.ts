// Activation statistics of ONNX models: channels of dense and convolutional operators against loops, over several runs.

import { describe, expect, test } from 'vitest';
import { onnxActivations } from '../../../core/calibration/onnxActivations.ts';
import type { LinearInput } from '../../../core/checkpoint/onnx/linearInputs.ts';
import type { OnnxFeed, OnnxModel, OnnxValue } from '../../../core/forward/onnxModel.ts';

const DENSE: LinearInput = { value: 'h', channelAxis: -1, weights: ['dense.weight'], operator: 'MatMul' };
const CONV: LinearInput = { value: 'image', channelAxis: 1, weights: ['conv.weight'], operator: 'Conv' };

/** Gives what it was fed, as a model whose values are its inputs. */
const echo = {
  run: async (feeds: ReadonlyMap<string, OnnxFeed>, names: readonly string[]) =>
    new Map([...feeds].filter(([name]) => names.includes(name)) as [string, OnnxValue][]),
} as unknown as OnnxModel;

const feed = (name: string, dimensions: readonly number[], from: number) => {
  const count = dimensions.reduce((product, size) => product * size, 1);
  return new Map([
    [name, { dimensions, values: Float32Array.from({ length: count }, (_, i) => from + ((i * 7) % 11)) }],
  ]);
};

describe('channels', () => {
  test('of a dense operator are the last dimension, all runs together', async () => {
    const runs = [feed('h', [2, 3, 4], -5), feed('h', [1, 1, 4], 2)];
    const [tap] = await onnxActivations(echo, [DENSE], runs);
    expect(tap?.moments.columns).toBe(4);
    expect(tap?.moments.rows).toBe(7);
    const all = runs.flatMap((run) => [...(run.get('h')?.values ?? [])]);
    const { absMax, mean } = tap?.moments.channels() ?? { absMax: [], mean: [] };
    for (let channel = 0; channel < 4; channel++) {
      const own = all.filter((_, i) => i % 4 === channel);
      expect(absMax[channel]).toBe(Math.max(...own.map(Math.abs)));
      expect(mean[channel]).toBeCloseTo(own.reduce((sum, x) => sum + x, 0) / own.length, 12);
    }
  });

  test('of a convolution are the second dimension, every position a row', async () => {
    const run = feed('image', [2, 3, 4, 5], -3);
    const [tap] = await onnxActivations(echo, [CONV], [run]);
    expect(tap?.moments.columns).toBe(3);
    expect(tap?.moments.rows).toBe(2 * 4 * 5);
    const values = run.get('image')?.values ?? new Float32Array();
    const { mean } = tap?.moments.channels() ?? { mean: [] };
    for (let channel = 0; channel < 3; channel++) {
      const own = [...values].filter((_, i) => Math.floor(i / 20) % 3 === channel);
      expect(mean[channel]).toBeCloseTo(own.reduce((sum, x) => sum + x, 0) / own.length, 12);
    }
  });
});

test('a channel that is not finite is named with the weights it would meet', async () => {
  const run = feed('h', [1, 4], 0);
  run.get('h')?.values.set([Number.POSITIVE_INFINITY], 2);
  await expect(onnxActivations(echo, [DENSE], [run])).rejects.toMatchObject({
    code: 'NON_FINITE',
    message: expect.stringMatching(/h: values before dense\.weight/),
  });
});

test('another number of channels in a later run is refused, values without floats are left out', async () => {
  const runs = [feed('h', [1, 4], 0), feed('h', [1, 5], 0)];
  await expect(onnxActivations(echo, [DENSE], runs)).rejects.toMatchObject({ code: 'SHAPE_INVALID' });
  expect(await onnxActivations(echo, [CONV], [feed('h', [1, 4], 0)])).toEqual([]);
});

test('can be cancelled', async () => {
  const signal = AbortSignal.abort();
  const cancelled = onnxActivations(echo, [DENSE], [feed('h', [1, 4], 0)], { signal });
  await expect(cancelled).rejects.toMatchObject({ code: 'CANCELLED' });
});
