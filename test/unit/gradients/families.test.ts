// Gradients of the loss of tiny models of every family against differences of the loss itself.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import type { Parts } from '../../../core/forward/blocks.ts';
import { Decoder } from '../../../core/forward/decoder.ts';
import { meanGradients, type WeightValues } from '../../../core/gradients/fisher.ts';
import { type Loss, lossGradients } from '../../../core/gradients/lossGradients.ts';
import { rademacher } from '../../../core/gradients/rademacher.ts';
import type { WeightGradient } from '../../../core/gradients/sinks.ts';
import { GradientSum } from '../../../core/gradients/weight.ts';
import { createPool } from '../../../core/kernels/pool.ts';
import { goldenModel, goldenNames } from '../../fixtures/forward/goldenModels.ts';
import { allScored, centralSlope, type Direction, lossOf, moved, slope } from './directional.ts';

const pool = createPool(new URL('./worker.ts', import.meta.url), 2);
afterAll(() => pool.close());

const isEncoder = (name: string): boolean =>
  /ForMaskedLM/.test(readFileSync(join(goldenModel(name).path, 'config.json'), 'utf8'));
const ENCODERS = goldenNames().filter(isEncoder);
const FAMILIES = goldenNames().filter((name) => !isEncoder(name));

/**
 * In root mean squares of each weight. These random models bend strongly: the five-point formula is off by some 1e-4 at
 * 2⁻⁹, float32 leaves some 1e-7 of a loss of 6 nats and so 1e-4 of slopes near 1 at 2⁻¹². Between lies the best step.
 */
const STEP = 2 ** -11;
const BOUND = 1e-3;

/** Few, since every token may be sent to another expert by a step. */
const TOKENS = 5;
/**
 * Tokens that change their expert make a jump of the loss, ReLUs kinks, and neither is a slope. Both show as differences
 * that depend on the step; the directions left are at least two.
 */
const SEEDS = Array.from({ length: 16 }, (_, i) => i + 1);
const SMOOTH_DIRECTIONS = 2;

async function open(name: string) {
  const { path, tokens } = goldenModel(name);
  const { parts } = await Decoder.open(await openCheckpoint(path), pool);
  return { parts, scored: allScored(tokens.map((ids) => ids.slice(0, TOKENS))) };
}

type Opened = Awaited<ReturnType<typeof open>>;

async function gradientsOf({
  parts,
  scored,
}: Opened): Promise<{ gradients: WeightValues[]; scales: Scales; loss: Loss }> {
  const gradients: WeightValues[] = [];
  const losses: Loss[] = [];
  for await (const found of meanGradients(parts, scored, { onLoss: (loss) => losses.push(loss) }))
    gradients.push(found);
  return { gradients, scales: await scalesOf(parts, gradients), loss: losses[0] as Loss };
}

/** Root mean squares by place. */
type Scales = Map<string, number>;

async function scalesOf(parts: Parts, gradients: readonly WeightValues[]): Promise<Scales> {
  const scales: Scales = new Map();
  for (const { weight } of gradients) {
    const { layer, module, dimensions, place } = weight;
    const values = await parts.weights.load(layer, module, dimensions, undefined);
    const size = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
    scales.set(`${place.tensor.index}/${place.first}`, size);
  }
  return scales;
}

function signs(scales: Scales, seed: number): Direction {
  return ({ tensor, first }, element) =>
    (scales.get(`${tensor.index}/${first}`) ?? 0) * rademacher(seed, tensor.index, element);
}

/** g · d, and the size that sums of such products with random signs have. */
function product(gradients: readonly WeightValues[], direction: Direction): { slope: number; size: number } {
  let [sum, squares] = [0, 0];
  for (const { weight, values } of gradients)
    values.forEach((gradient, i) => {
      const term = gradient * direction(weight.place, weight.place.first + i);
      sum += term;
      squares += term * term;
    });
  return { slope: sum, size: Math.max(Math.abs(sum), Math.sqrt(squares)) };
}

describe('the gradient of the loss', () => {
  test.each(FAMILIES)('%s, along random directions', async (name) => {
    const opened = await open(name);
    const { parts, scored } = opened;
    const { gradients, scales, loss } = await gradientsOf(opened);
    expect(loss.tokens).toBe(2 * (TOKENS - 1));
    expect(loss.mean).toBeCloseTo(await lossOf(parts, scored), 5);
    const named = gradients.map(({ weight }) => weight.place.tensor.name);
    expect(parts.weights.checkpoint.tensors.map((tensor) => tensor.name).filter((own) => !named.includes(own))).toEqual(
      [],
    );
    let smooth = 0;
    for (const seed of SEEDS) {
      if (smooth === SMOOTH_DIRECTIONS) break;
      const direction = signs(scales, seed);
      const { slope: computed, size } = product(gradients, direction);
      const { value, doubt } = await slope(parts, pool, scored, direction, STEP);
      if (doubt > BOUND * size) continue;
      expect(Math.abs(computed - value) / size, `seed ${seed}: ${computed}, ${value}`).toBeLessThan(BOUND);
      smooth++;
    }
    expect(smooth).toBe(SMOOTH_DIRECTIONS);
  });

  test.each(['gpt2', 'gemma2', 'qwen2-moe'])(
    '%s, one tensor at a time',
    async (name) => {
      const opened = await open(name);
      const { parts, scored } = opened;
      const { gradients, scales } = await gradientsOf(opened);
      const whole = product(gradients, signs(scales, 1)).size;
      for (const found of gradients) {
        const { place, module, layer } = found.weight;
        const all = signs(scales, 7);
        const direction: Direction = (at, element) =>
          at.tensor.index === place.tensor.index && at.first === place.first ? all(at, element) : 0;
        const { slope: computed, size } = product([found], direction);
        const measured = await centralSlope(parts, pool, scored, direction, STEP);
        // What hardly changes the loss (biases of keys do not at all) is compared on the scale of the whole gradient.
        expect(Math.abs(computed - measured) / Math.max(size, 0.1 * whole), `${module} of ${layer}`).toBeLessThan(
          5 * BOUND,
        );
      }
    },
    60_000,
  ); // some 50 tensors, each with its own runs

  test('an encoder has none for a text', async () => {
    const opened = await open('bert');
    await expect(gradientsOf(opened)).rejects.toMatchObject({
      code: 'UNSUPPORTED_ARCHITECTURE',
      message: expect.stringContaining('encoder'),
    });
  });

  test.each(ENCODERS)('%s, of tokens drawn from its predictions', async (name) => {
    const { parts, scored } = await open(name);
    const found: WeightGradient<GradientSum>[] = [];
    const losses: number[] = [];
    const run = async (at: Parts): Promise<void> => {
      const drawn = lossGradients(at, scored, {
        sampled: 1,
        open: ({ place }) => new GradientSum(place.elements),
        // Everything once; then only the loss.
        wants: () => losses.length === 0,
        onLoss: ({ mean }) => losses.push(mean),
      });
      for await (const one of drawn) found.push(one);
    };
    await run(parts);
    const gradients = found.map(({ weight, sink }) => ({ weight, values: sink.values }));
    const direction = signs(await scalesOf(parts, gradients), 1);
    const { slope: computed, size } = product(gradients, direction);
    // Steps so small that the same random numbers draw the same tokens.
    await run(moved(parts, pool, direction, STEP));
    await run(moved(parts, pool, direction, -STEP));
    const [, above = Number.NaN, below = Number.NaN] = losses;
    expect(Math.abs((above - below) / (2 * STEP) - computed) / size).toBeLessThan(BOUND);
  });
});
