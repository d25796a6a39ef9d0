// Gradients of the bundled model: a whole block and the whole loss against differences, ways of running that must not
// matter, and what stops a run.

import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { cutSequences, type ScoredSequences } from '../../../core/evaluation/sequences.ts';
import type { Parts } from '../../../core/forward/blocks.ts';
import { Decoder } from '../../../core/forward/decoder.ts';
import { meanGradients, type WeightValues } from '../../../core/gradients/fisher.ts';
import { lossGradients } from '../../../core/gradients/lossGradients.ts';
import { rademacher } from '../../../core/gradients/rademacher.ts';
import { GradientSum, type Weight } from '../../../core/gradients/weight.ts';
import { createPool } from '../../../core/kernels/pool.ts';
import { openTokenizer } from '../../../core/tokenizer/textTokenizer.ts';
import { type Direction, moved, slope } from './directional.ts';

const SAMPLE = fileURLToPath(new URL('../../fixtures/sample-llama', import.meta.url));
const TEXT = `First Citizen: Before we proceed any further, hear me speak. All: Speak, speak. First Citizen: You are all
resolved rather to die than to famish? All: Resolved, resolved. First Citizen: First, you know Caius Marcius is chief
enemy to the people. All: We know't, we know't. First Citizen: Let us kill him, and we'll have corn at our own price.
Is't a verdict? All: No more talking on't; let it be done: away, away! Second Citizen: One word, good citizens.`;

const pool = createPool(new URL('./worker.ts', import.meta.url), 2);
afterAll(() => pool.close());

let parts: Parts;
let scored: ScoredSequences;
let gradients: Map<string, WeightValues>;
beforeAll(async () => {
  const checkpoint = await openCheckpoint(SAMPLE);
  ({ parts } = await Decoder.open(checkpoint, pool));
  const tokenizer = await openTokenizer(checkpoint);
  scored = cutSequences(tokenizer.encode(TEXT), { context: 40, sequences: 3, score: 'all', begin: null });
  gradients = await collected(meanGradients(parts, scored));
});

async function collected(values: AsyncIterable<WeightValues>): Promise<Map<string, WeightValues>> {
  const found = new Map<string, WeightValues>();
  for await (const one of values) found.set(nameOf(one.weight), one);
  return found;
}

function nameOf({ layer, module }: Weight): string {
  return `${layer ?? ''}/${module}`;
}

/** ‖a − b‖ / ‖b‖ over all weights. */
function distance(a: ReadonlyMap<string, WeightValues>, b: ReadonlyMap<string, WeightValues>): number {
  expect([...a.keys()]).toEqual([...b.keys()]);
  let [squares, differences] = [0, 0];
  for (const [name, { values }] of b)
    values.forEach((value, i) => {
      squares += value * value;
      differences += (value - (a.get(name)?.values[i] ?? Number.NaN)) ** 2;
    });
  return Math.sqrt(differences / squares);
}

/** g · d for the directions of `signs`, and the size of such sums. */
function product(direction: Direction): { computed: number; size: number } {
  let [computed, squares] = [0, 0];
  for (const { weight, values } of gradients.values())
    values.forEach((gradient, i) => {
      const term = gradient * direction(weight.place, weight.place.first + i);
      computed += term;
      squares += term * term;
    });
  return { computed, size: Math.max(Math.abs(computed), Math.sqrt(squares)) };
}

/**
 * Size of a direction's elements: the weights are some 0.05. Of slopes near 0.1, float32 leaves 1e-7 of 4 nats over
 * 2 · step, 1e-4; the five-point formula is off by less.
 */
const SIZE = 0.05;
const STEP = 2 ** -6;

describe('the gradient', () => {
  test.each([1, 2, 3])('of the whole model along random signs %d', async (seed) => {
    const direction: Direction = ({ tensor }, element) => SIZE * rademacher(seed, tensor.index, element);
    const { computed, size } = product(direction);
    const { value } = await slope(parts, pool, scored, direction, STEP);
    expect(Math.abs(computed - value) / size).toBeLessThan(1e-3);
  });

  test.each([0, 3, 5])('of all weights of block %d', async (layer) => {
    const direction: Direction = ({ tensor }, element) =>
      tensor.layer === layer ? SIZE * rademacher(7, tensor.index, element) : 0;
    const { computed, size } = product(direction);
    const { value } = await slope(parts, pool, scored, direction, STEP);
    expect(Math.abs(computed - value) / size).toBeLessThan(1e-3);
  });

  test('points down: a small step against it lowers the loss by its squared length', async () => {
    const squares = [...gradients.values()].reduce(
      (sum, { values }) => sum + values.reduce((own, value) => own + value * value, 0),
      0,
    );
    const byTensor = new Map([...gradients.values()].map(({ weight, values }) => [weight.place.tensor.index, values]));
    const own: Direction = ({ tensor }, element) => -(byTensor.get(tensor.index)?.[element] ?? 0);
    const { value } = await slope(parts, pool, scored, own, 2 ** -8);
    expect(-value / squares).toBeCloseTo(1, 3);
  });
});

describe('ways of running', () => {
  const sums = (options: object) => {
    const open = ({ place }: Weight): GradientSum => new GradientSum(place.elements);
    const all = async function* (): AsyncGenerator<WeightValues> {
      for await (const { weight, sink } of lossGradients(parts, scored, { open, ...options }))
        yield { weight, values: sink.values };
    };
    return collected(all());
  };

  test('sequence by sequence or together', async () => {
    expect(distance(await sums({ together: false }), gradients)).toBeLessThan(1e-5);
  });

  test('states computed again where they are not kept', async () => {
    expect(distance(await sums({ together: true, maxTrailBytes: 1 }), gradients)).toBe(0);
  });

  test('some weights alone', async () => {
    const wants = ({ layer, module }: Weight): boolean => layer === 2 && module === 'up';
    const found = await sums({ together: true, wants });
    expect([...found.keys()]).toEqual(['2/up']);
    expect([...(found.get('2/up')?.values ?? [])]).toEqual([...(gradients.get('2/up')?.values ?? [])]);
  });

  test('progress goes to its total, step by step', async () => {
    const seen: [done: number, total: number][] = [];
    await collected(meanGradients(parts, scored, { onProgress: (done, total) => seen.push([done, total]) }));
    const total = seen[0]?.[1] ?? 0;
    expect(seen.map(([done]) => done)).toEqual(Array.from({ length: total }, (_, i) => i + 1));
  });
});

describe('what stops a run', () => {
  test('cancelling, in the middle too', async () => {
    const controller = new AbortController();
    const run = async (): Promise<void> => {
      for await (const { weight } of meanGradients(parts, scored, { signal: controller.signal }))
        if (weight.layer === 4) controller.abort();
    };
    await expect(run()).rejects.toMatchObject({ code: 'CANCELLED' });
  });

  test('leaving early', async () => {
    const names: string[] = [];
    for await (const { weight } of meanGradients(parts, scored)) {
      names.push(nameOf(weight));
      if (names.length === 3) break;
    }
    expect(names).toHaveLength(3);
  });

  test('weights that are not finite name the layer', async () => {
    const broken = moved(
      parts,
      pool,
      ({ tensor }) => (tensor.layer === 3 && tensor.module === 'up' ? Number.NaN : 0),
      1,
    );
    await expect(collected(meanGradients(broken, scored))).rejects.toMatchObject({
      code: 'NON_FINITE',
      message: expect.stringContaining('layer 3'),
    });
  });
});
