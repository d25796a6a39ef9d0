// Blocks that fail: values that are not finite are traced to their origin, batches are halved until they fit.

import { afterAll, describe, expect, test } from 'vitest';
import { QuantscopeError } from '../../../core/base/errors.ts';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { type Hidden, type Parts, type Replaced, runBlocks } from '../../../core/forward/blocks.ts';
import { Decoder } from '../../../core/forward/decoder.ts';
import { embedTokens } from '../../../core/forward/embed.ts';
import { headLogits } from '../../../core/forward/head.ts';
import type { Runtime } from '../../../core/forward/runtime.ts';
import { createPool } from '../../../core/kernels/pool.ts';

const pool = createPool(new URL('./worker.ts', import.meta.url), 2);
afterAll(() => pool.close());
const { parts } = await Decoder.open(
  await openCheckpoint(new URL('../../fixtures/sample-llama', import.meta.url).pathname),
  pool,
);
const SEQUENCES = Array.from({ length: 20 }, (_, s) => Uint32Array.from({ length: 64 }, (_, i) => (s * 71 + i) % 900));

async function ran(own: Parts, replaced?: Replaced): Promise<Hidden> {
  const hidden = await embedTokens(own, SEQUENCES, undefined);
  await runBlocks(own, [hidden], {
    layers: [2, 3],
    signal: undefined,
    ...(replaced === undefined ? {} : { replaced: [replaced] }),
  });
  return hidden;
}

describe('values that are not finite', () => {
  const weight = (module: string): Promise<Float32Array> => {
    const layout = parts.network.block(2).weights.get(module);
    return parts.weights.load(2, module, layout?.dimensions ?? [], undefined);
  };

  /** Scaled until the largest is close to the end of float32: sums of products are beyond it. */
  const huge = (values: Float32Array): Float32Array => {
    const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    return values.map((value) => (value / largest) * 3e38);
  };

  test('a weight that holds one', async () => {
    const up = await weight('up');
    up[1234] = Number.NaN;
    await expect(ran(parts, { up })).rejects.toMatchObject({
      code: 'NON_FINITE',
      message: 'sample-llama: layer 2: activations are not finite, first in the weight up',
    });
  });

  test('outside the layers: embedding and head', async () => {
    const { vocabulary, width } = parts.network;
    const broken = new Float32Array(vocabulary * width).fill(Number.NaN);
    await expect(embedTokens(parts, SEQUENCES, undefined, { embed: broken })).rejects.toMatchObject({
      code: 'NON_FINITE',
      message: expect.stringMatching(/the embedding: .*, first in the weight embed$/),
    });
    const hidden = await embedTokens(parts, SEQUENCES, undefined);
    const run = headLogits(parts, [hidden], { from: 0, output: broken, signal: undefined });
    await expect(run.next()).rejects.toMatchObject({
      code: 'NON_FINITE',
      message: expect.stringMatching(/the head: .*, first in the weight output$/),
    });
  });

  test('a product that overflows', async () => {
    const gate = huge(await weight('gate'));
    const down = huge(await weight('down'));
    await expect(ran(parts, { down })).rejects.toMatchObject({
      message: expect.stringMatching(/first in Gemm of down$/),
    });
    await expect(ran(parts, { gate })).rejects.toMatchObject({
      message: expect.stringMatching(/first in Gemm of gate$/),
    });
  });

  test('an operation without a weight: infinity times nothing behind the attention', async () => {
    const q = (await weight('q')).map((value) => value * 1e30);
    const k = (await weight('k')).map((value) => value * 1e30);
    // Scores overflow; the softmax of an infinite one is not a number. The mask's own infinities are not blamed.
    await expect(ran(parts, { q, k })).rejects.toMatchObject({
      message: expect.stringMatching(/first in MatMul behind attn_in$/),
    });
  });
});

describe('memory', () => {
  /** A runtime that cannot run more than so many rows at once. */
  const smaller = (rows: number): { parts: Parts; sizes: number[] } => {
    const sizes: number[] = [];
    const runtime: Runtime = {
      ...parts.runtime,
      async session(graph) {
        const session = await parts.runtime.session(graph);
        return {
          release: () => session.release(),
          run: (feeds, outputs) => {
            const asked = feeds.hidden?.dims[0] ?? 0;
            if (asked > rows) throw new QuantscopeError('MEMORY_LIMIT', 'onnxruntime: failed to allocate');
            sizes.push(asked);
            return session.run(feeds, outputs);
          },
        };
      },
    };
    return { parts: { ...parts, runtime }, sizes };
  };

  test('batches are halved until they fit, every sequence runs once, the numbers stay', async () => {
    const wanted = await ran(parts);
    const { parts: own, sizes } = smaller(5 * 64);
    const found = await ran(own);
    expect(sizes).toEqual([4, 4, 4, 4, 4].map((count) => count * 64));
    const largest = wanted.values.reduce(
      (most, value, i) => Math.max(most, Math.abs(value - (found.values[i] ?? 0))),
      0,
    );
    // Matrix products of other heights add in another order.
    expect(largest).toBeLessThan(1e-4);
  });

  test('a single sequence that does not fit is told with what would help', async () => {
    await expect(ran(smaller(63).parts)).rejects.toMatchObject({
      code: 'MEMORY_LIMIT',
      message: expect.stringMatching(
        /^sample-llama: layer 2: one sequence does not fit into memory; use a shorter context/,
      ),
    });
  });
});
