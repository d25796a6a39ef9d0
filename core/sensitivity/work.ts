// What a run will take, counted in the few things that cost time, and their price on this machine.

import type { TensorInfo } from '../checkpoint/checkpoint.ts';
import { type Hidden, runBlocks } from '../forward/blocks.ts';
import { matrixElements } from './placed.ts';
import { comparePredictions } from './predictions.ts';
import { probeOf, probeType } from './probe.ts';
import type { RoundTripSource } from './roundTrip.ts';
import type { TextRun } from './score.ts';
import { compareStates } from './states.ts';

/** Counted over a whole run. */
export interface Work {
  /** Elements quantized and decoded again. */
  readonly quantized: number;
  /** Elements of blocks decoded for running them. */
  readonly loaded: number;
  /** Elements of blocks × states of all sequences that go through them. */
  readonly multiplied: number;
  /** States of all sequences compared by their predictions. */
  readonly compared: number;
}

/** Seconds per unit of each. */
export type Prices = { readonly [Unit in keyof Work]: number };

export const NO_WORK: Work = { quantized: 0, loaded: 0, multiplied: 0, compared: 0 };

export function secondsFor(work: Work, prices: Prices): number {
  const units = Object.keys(NO_WORK) as (keyof Work)[]; // its own keys
  return units.reduce((sum, unit) => sum + work[unit] * prices[unit], 0);
}

/** Tokens of a trial: a batch of a block, a few runs of the head. */
const TRIAL_TOKENS = 1024;
/** Timed repetitions; the middle one counts, as busy as the machine will be. */
const TRIALS = 3;
/** Batches through the block after the first, which also pays for loading it. */
const BATCHES = 5;

/**
 * Times one block and one comparison of predictions of this model on this machine.
 * @throws what running throws
 */
export async function pricesOf(run: TextRun, signal: AbortSignal | undefined): Promise<Prices> {
  const { parts, sequences } = run;
  const { network } = parts;
  const tokens = sequences[0]?.length ?? 1;
  const trial = Math.min(sequences.length, Math.max(1, Math.floor(TRIAL_TOKENS / tokens)));
  const share = sequences.length / trial;
  const elements = matrixElements(network.block(0).weights);
  const state = (): Hidden => unevenState(trial, tokens, network.width);
  const [a, b] = [state(), state()];

  const ends = [performance.now()];
  const onBatch = (): void => void ends.push(performance.now());
  const states = Array.from({ length: 1 + BATCHES }, state);
  await runBlocks(parts, states, { layers: [0, 1], signal, onBatch });
  const [first = 0, ...later] = ends.slice(1).map((end, at) => (end - (ends[at] ?? end)) / 1000);
  const block = median(later);
  const heads = () => comparePredictions(parts, [{ hidden: a }, ...[b, b, b].map((hidden) => ({ hidden }))], signal);
  await heads(); // the first of everything is slow
  // Here, too, a few states share the loading of the weights.
  const head = (await timed(heads)) / 4;
  const comparing = await timed(async () => compareStates(a, b));
  return {
    quantized: await quantizingPrice(run, signal),
    loaded: Math.max(0, first - block) / elements,
    multiplied: ((block + comparing) * share) / elements,
    compared: head * share,
  };
}

/** Seconds per element, timed on one tensor; 0 where there is none. */
export async function quantizingPrice(source: RoundTripSource, signal: AbortSignal | undefined): Promise<number> {
  const tensor = source.checkpoint.tensors
    .filter((candidate) => probeType(candidate) !== null && candidate.elements <= MAX_TRIAL_ELEMENTS)
    .reduce<TensorInfo | null>((a, b) => (a !== null && a.elements >= b.elements ? a : b), null);
  if (tensor === null) return 0;
  await probeOf(source, tensor, signal);
  return (await timed(() => probeOf(source, tensor, signal))) / tensor.elements;
}

/** A tensor that is quantized in a second, if there is one. */
const MAX_TRIAL_ELEMENTS = 1 << 24;

/** Something a block can take without its norms dividing by zero. */
function unevenState(sequences: number, tokens: number, width: number): Hidden {
  const values = new Float32Array(sequences * tokens * width).map((_, i) => Math.sin(i * 0.37));
  return { values, sequences, tokens };
}

/** Seconds, the median. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  const spans: number[] = [];
  for (let trial = 0; trial < TRIALS; trial++) {
    const began = performance.now();
    await work();
    spans.push(performance.now() - began);
  }
  return median(spans) / 1000;
}

/** The upper one of an even number. */
function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}
