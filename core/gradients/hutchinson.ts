// Curvature of the loss: diagonal and trace of its Hessian from products of the Hessian with random signs
// (Hutchinson 1990; Bekas et al. 2007 for the diagonal; AdaHessian, Yao et al. 2021, arXiv 2006.00719, section 3.2).

import type { ScoredSequences } from '../evaluation/sequences.ts';
import { Spread } from '../evaluation/spread.ts';
import type { Parts } from '../forward/blocks.ts';
import type { RunProgress } from '../forward/decoder.ts';
import type { WeightPlace } from '../forward/weights.ts';
import type { Pool } from '../kernels/pool.ts';
import type { WeightValues } from './fisher.ts';
import { lossGradients } from './lossGradients.ts';
import { rademacher } from './rademacher.ts';
import { ShiftedWeights } from './shiftedWeights.ts';
import { weightsOf } from './sinks.ts';
import { GradientSum, type Weight } from './weight.ts';

/**
 * Step of the central difference, in root mean squares of each weight. It is off by h²/6 of a third derivative of the
 * gradients, and by what float32 leaves of them, some 1e-7 / h. Against float64 Hessians of a small model: 0.5 % at
 * 2⁻⁷, 0.03 % at 2⁻⁹, and growing again from 2⁻¹¹ on.
 */
const STEP = 2 ** -9;

/** Two passes run side by side. */
const TRAIL_BYTES = 2 ** 29;

export interface CurvatureOptions extends RunProgress {
  readonly seed: number;
  /** Weights whose block of the Hessian is looked at; all when left out. */
  readonly wants?: ((weight: Weight) => boolean) | undefined;
}

/**
 * v ⊙ Hv for one draw of signs v, one weight at a time: its expectation over draws is the diagonal of H, the Hessian of
 * the mean loss. Hv is the central difference of the gradients along v, all weights moved together; a weight moves by
 * its own size, s · v, which v ⊙ H(s v) / s undoes: the products v_i v_j s_j / s_i vanish on average but for i = j.
 *
 * @throws as `lossGradients`
 */
export async function* curvatureProbe(
  parts: Parts,
  pool: Pool,
  scored: ScoredSequences,
  { seed, wants = () => true, signal, onProgress }: CurvatureOptions,
): AsyncGenerator<WeightValues> {
  const scales = await weightScales(parts, wants, signal);
  const side = (sign: 1 | -1) =>
    lossGradients(shifted(parts, pool, scales, seed, sign * STEP), scored, {
      open: ({ place }) => new GradientSum(place.elements),
      wants,
      together: true,
      maxTrailBytes: TRAIL_BYTES,
      signal,
      // Both go through the same steps; the second ends them.
      onProgress: sign === 1 ? undefined : onProgress,
    });
  const [up, down] = [side(1), side(-1)];
  try {
    for (;;) {
      const [above, below] = [await up.next(), await down.next()];
      if (above.done === true || below.done === true) return;
      const { weight, sink } = above.value;
      const { place } = weight;
      const scale = 2 * STEP * (scales.get(keyOf(place)) ?? 0);
      const values = sink.values.map(
        (gradient, i) =>
          ((gradient - (below.value.sink.values[i] ?? 0)) * rademacher(seed, place.tensor.index, place.first + i)) /
          scale,
      );
      yield { weight, values };
    }
  } finally {
    await up.return(undefined);
    await down.return(undefined);
  }
}

export interface Trace {
  readonly weight: Weight;
  /** Σ of the Hessian's diagonal over the weight, nats per token; may be negative away from a minimum. */
  readonly trace: number;
  /** Standard error over the probes; NaN from a single one. */
  readonly error: number;
}

/** Mean over several draws, seeds `seed`, `seed` + 1, … @throws as `curvatureProbe` */
export async function hutchinsonTraces(
  parts: Parts,
  pool: Pool,
  scored: ScoredSequences,
  { probes, ...options }: CurvatureOptions & { readonly probes: number },
): Promise<Trace[]> {
  const found = new Map<string, { weight: Weight; spread: Spread }>();
  for (let probe = 0; probe < probes; probe++) {
    const onProgress = (done: number, total: number, message: string): void =>
      options.onProgress?.(probe * total + done, probes * total, message);
    const run = { ...options, seed: options.seed + probe, onProgress };
    for await (const { weight, values } of curvatureProbe(parts, pool, scored, run)) {
      const { spread } = found.get(keyOf(weight.place)) ?? { spread: new Spread() };
      spread.add(values.reduce((sum, value) => sum + value, 0));
      found.set(keyOf(weight.place), { weight, spread });
    }
  }
  return [...found.values()].map(({ weight, spread }) => ({
    weight,
    trace: spread.mean,
    error: probes > 1 ? spread.standardError : Number.NaN,
  }));
}

/** Root mean squares of all weights wanted, or what an initialization would give where all are zero. */
async function weightScales(
  parts: Parts,
  wants: (weight: Weight) => boolean,
  signal: AbortSignal | undefined,
): Promise<Map<string, number>> {
  const scales = new Map<string, number>();
  for (const { layer, module, dimensions, place } of allWeights(parts).filter(wants)) {
    const values = await parts.weights.load(layer, module, dimensions, signal);
    const squares = values.reduce((sum, value) => sum + value * value, 0);
    const columns = dimensions.at(-1) ?? 1;
    scales.set(keyOf(place), squares > 0 ? Math.sqrt(squares / values.length) : 1 / Math.sqrt(columns));
  }
  return scales;
}

function allWeights(parts: Parts): Weight[] {
  const { network } = parts;
  const { embedding, head, vocabulary } = network;
  const outside = new Map([
    ['embed', { dimensions: [vocabulary, embedding.columns] }],
    ...embedding.weights,
    ...head.weights,
  ]);
  const layers = Array.from({ length: network.layers }, (_, layer) =>
    weightsOf(parts, layer, network.block(layer).weights),
  );
  return [...weightsOf(parts, null, outside), ...layers.flat()];
}

function shifted(parts: Parts, pool: Pool, scales: ReadonlyMap<string, number>, seed: number, step: number): Parts {
  const weights = new ShiftedWeights(parts.weights.checkpoint, pool, (values, place, first) => {
    const by = step * (scales.get(keyOf(place)) ?? 0);
    if (by === 0) return;
    const begin = place.first + first;
    for (let i = 0; i < values.length; i++)
      values[i] = (values[i] ?? 0) + by * rademacher(seed, place.tensor.index, begin + i);
  });
  return { ...parts, weights };
}

function keyOf({ tensor, first }: WeightPlace): string {
  return `${tensor.index}/${first}`;
}
