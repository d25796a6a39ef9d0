// XᵀX of linear layers' inputs against float64 loops over the captured activations of the sample model.

import { afterAll, expect, test } from 'vitest';
import { collectHeadHessian, collectHessians, type Hessian } from '../../../core/calibration/hessian.ts';
import { runBlocks } from '../../../core/forward/blocks.ts';
import { embedTokens } from '../../../core/forward/embed.ts';
import { createPool } from '../../../core/kernels/pool.ts';
import { capture, openSample, SEQUENCES } from './captured.ts';

const pool = createPool(new URL('../forward/worker.ts', import.meta.url), 2);
afterAll(() => pool.close());
const decoder = await openSample(pool);

async function hessians(layers: readonly [number, number], wanted: readonly string[]): Promise<Hessian[]> {
  const found: Hessian[] = [];
  const hidden = await embedTokens(decoder.parts, SEQUENCES, undefined);
  await collectHessians(decoder.parts, hidden, {
    layers,
    taps: ({ name }) => wanted.includes(name),
    onHessian: (hessian) => void found.push(hessian),
  });
  return found;
}

test('every pair of columns, batches of unequal size together', async () => {
  const captured = await capture(decoder, SEQUENCES);
  const found = await hessians([0, 2], ['attn_in', 'down_in']);
  expect(found.map(({ layer, tap }) => `${layer} ${tap}`)).toEqual([
    '0 attn_in',
    '0 down_in',
    '1 attn_in',
    '1 down_in',
  ]);
  for (const { layer, tap, values, columns, rows } of found) {
    expect(rows).toBe(1200);
    const x = Float64Array.from(captured.get(layer)?.get(tap) ?? []);
    const power = new Float64Array(columns);
    x.forEach((value, at) => {
      power[at % columns] = (power[at % columns] ?? 0) + value * value;
    });
    // A thousand float32 products a batch: rounding grows with the columns' norms, not with the (smaller) sum itself.
    for (let i = 0; i < columns; i += 17)
      for (let j = 0; j < columns; j += 5) {
        let wanted = 0;
        for (let row = 0; row < rows; row++) wanted += (x[row * columns + i] ?? 0) * (x[row * columns + j] ?? 0);
        const scale = Math.sqrt((power[i] ?? 0) * (power[j] ?? 0));
        expect(Math.abs((values[i * columns + j] ?? Number.NaN) - wanted)).toBeLessThanOrEqual(2e-6 * scale);
      }
  }
});

test('hidden states are those after the last layer: layers can be run in parts', async () => {
  const [whole] = (await hessians([0, 2], ['ffn_in'])).slice(1);
  const hidden = await embedTokens(decoder.parts, SEQUENCES, undefined);
  const found: Hessian[] = [];
  for (const layer of [0, 1])
    await collectHessians(decoder.parts, hidden, {
      layers: [layer, layer + 1],
      taps: ({ name }, at) => name === 'ffn_in' && at === 1,
      onHessian: (hessian) => void found.push(hessian),
    });
  expect(found).toHaveLength(1);
  expect(found[0]?.values).toEqual(whole?.values);
});

test('the head takes in the last states, normed', async () => {
  const { parts } = decoder;
  const { layers, width } = decoder.network;
  const hidden = await embedTokens(parts, SEQUENCES, undefined);
  await runBlocks(parts, [hidden], { layers: [0, layers], signal: undefined });
  const { values, columns, rows } = await collectHeadHessian(parts, hidden, undefined);
  expect([columns, rows]).toEqual([width, 1200]);
  const norm = await parts.weights.load(null, 'norm', [width], undefined);
  const x = Float64Array.from(hidden.values);
  for (let row = 0; row < rows; row++) {
    const own = x.subarray(row * width, (row + 1) * width);
    const scale = 1 / Math.sqrt(own.reduce((sum, value) => sum + value * value, 0) / width + 1e-5);
    own.forEach((value, i) => {
      own[i] = value * scale * (norm[i] ?? 0);
    });
  }
  const product = (i: number, j: number): number => {
    let sum = 0;
    for (let row = 0; row < rows; row++) sum += (x[row * width + i] ?? 0) * (x[row * width + j] ?? 0);
    return sum;
  };
  for (let i = 0; i < columns; i += 17)
    for (let j = 0; j < columns; j += 5) {
      const scale = Math.sqrt(product(i, i) * product(j, j));
      // As above; the norm itself is float32 too.
      expect(Math.abs((values[i * columns + j] ?? Number.NaN) - product(i, j))).toBeLessThanOrEqual(4e-6 * scale);
    }
});

test('matrices beyond the limit are refused before anything runs', async () => {
  const hidden = await embedTokens(decoder.parts, SEQUENCES, undefined);
  const { network } = decoder.parts;
  const wide = (layer: number) => {
    const block = network.block(layer);
    const graph: typeof block.graph = (batch) => {
      const built = block.graph(batch);
      return { ...built, taps: built.taps.map((tap) => ({ ...tap, columns: 14_336 })) };
    };
    return { ...block, graph };
  };
  const parts = { ...decoder.parts, network: { ...network, block: wide } };
  const run = {
    layers: [0, 1],
    taps: ({ name }: { name: string }) => name === 'down_in',
    onHessian: () => {},
  } as const;
  await expect(collectHessians(parts, hidden, run)).rejects.toMatchObject({
    code: 'MEMORY_LIMIT',
    message: expect.stringMatching(/layer 0: XᵀX of down_in takes 1\.\d+ GB, limit 1\.\d+ GB/),
  });
});
