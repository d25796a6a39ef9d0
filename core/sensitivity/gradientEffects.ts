// What gradients of the loss say of a quantized weight, ΔW = Ŵ − W, without running it:
//
//   first order    |Σ g·ΔW|,      g the gradient of the mean loss on the text
//   second order   ½ Σ F·ΔW²,     F the diagonal Fisher information of the model's own predictions
//
// The second is the diagonal of the divergence's expansion, in nats per token.

import type { ScoredSequences } from '../evaluation/sequences.ts';
import type { Parts } from '../forward/blocks.ts';
import { ChangeEffects } from '../gradients/change.ts';
import { lossGradients } from '../gradients/lossGradients.ts';
import type { Weight } from '../gradients/weight.ts';
import type { ScoreId } from '../protocol/calibration.ts';
import { matrixElements, type Placed, placedIn, stagesOf } from './placed.ts';
import { type Probe, probeOf } from './probe.ts';
import { type Estimate, ratioOf } from './ratio.ts';
import type { MeasureOptions, TextRun } from './score.ts';
import type { Work } from './work.ts';

/** Of the tokens drawn from the model's predictions for the Fisher information. */
const SEED = 0;

export type GradientScore = Extract<ScoreId, 'gradientTimesError' | 'fisher'>;

/** From the head to the embedding, as the gradients come. @throws as TextScore.measure */
export async function measureGradientEffects(
  run: TextRun,
  score: GradientScore,
  { known, onRows, signal, onProgress }: MeasureOptions,
): Promise<void> {
  const { parts, sequences } = run;
  const waiting = waitingIn(parts, known);
  if (waiting.size === 0) return;
  const scored = withinSequences(sequences);
  const tokens = sequences.map((sequence) => sequence.length - 1);
  const count = tokens.reduce((a, b) => a + b, 0);
  const collected = new Map<number, Collected>();
  const open = async ({ layer, module, dimensions, place }: Weight): Promise<ChangeEffects> => {
    const own = collected.get(place.tensor.index) ?? {
      probe: await probeOf(run, place.tensor, signal),
      sums: new Float64Array(sequences.length),
      weights: 0,
    };
    collected.set(place.tensor.index, own);
    const weight = await parts.weights.load(layer, module, dimensions, signal);
    const change = own.probe.values
      .subarray(place.first, place.first + place.elements)
      .map((value, i) => value - (weight[i] ?? 0));
    return new ChangeEffects(change, sequences.length, count);
  };
  const wants = ({ place }: Weight): boolean => waiting.has(place.tensor.index);
  const sampled = score === 'fisher' ? SEED : undefined;
  for await (const { weight, sink } of lossGradients(parts, scored, { open, wants, sampled, signal, onProgress })) {
    const { tensor } = weight.place;
    const own = collected.get(tensor.index);
    if (own === undefined) continue;
    const effects = score === 'fisher' ? sink.quadratic : sink.linear;
    for (const [s, effect] of effects.entries()) own.sums[s] = (own.sums[s] ?? 0) + effect * count;
    own.weights++;
    if (own.weights < (waiting.get(tensor.index)?.modules.length ?? 0)) continue;
    collected.delete(tensor.index);
    const { type, relativeError } = own.probe;
    await onRows({
      [score]: [{ tensor: tensor.index, probe: type, relativeError, ...magnitude(ratioOf(own.sums, tokens)) }],
    });
  }
}

/** A tensor whose weights (those of all its experts) are coming in. */
interface Collected {
  readonly probe: Probe;
  /** Effect on the sum over a sequence's tokens, nats. */
  readonly sums: Float64Array;
  weights: number;
}

/** A change may lower the loss of a text to first order; how much it moves is what counts. */
function magnitude({ value, error }: Estimate): Estimate {
  return { value: Math.abs(value), error };
}

/** Every token is predicted from those before it in its sequence. */
function withinSequences(sequences: readonly Uint32Array[]): ScoredSequences {
  const length = sequences[0]?.length ?? 0;
  return {
    sequences,
    from: 0,
    target: (row) => sequences[Math.floor(row / length)]?.[(row % length) + 1] ?? null,
  };
}

function waitingIn(parts: Parts, known: MeasureOptions['known']): Map<number, Placed> {
  const placed = stagesOf(parts).flatMap((stage) => placedIn(parts, stage));
  return new Map(placed.filter(({ tensor }) => !known(tensor.index)).map((one) => [one.tensor.index, one]));
}

/** Forward; back through every block, which runs forward again and costs twice that; sums over the gradients. */
const PASSES = 5;

/** What `measureGradientEffects` does, counted. */
export function gradientWork({ parts }: Pick<TextRun, 'parts'>, known: MeasureOptions['known']): Work {
  const { network } = parts;
  const work = { quantized: 0, loaded: 0, multiplied: 0, compared: 0 };
  const waiting = waitingIn(parts, known);
  if (waiting.size === 0) return work;
  for (const { tensor } of waiting.values()) work.quantized += tensor.elements;
  for (let layer = 0; layer < network.layers; layer++) {
    const elements = matrixElements(network.block(layer).weights);
    work.loaded += 2 * elements;
    work.multiplied += PASSES * elements;
  }
  work.compared = 3;
  return work;
}
