// Predictions of changed models against those of the model as it is: KL divergence, computed where the logits are.

import { throwIfCancelled } from '../base/cancellation.ts';
import { type Hidden, loadFeeds, type Parts, type Replaced, replacedFeeds } from '../forward/blocks.ts';
import type { Session } from '../forward/runtime.ts';
import { SessionsBySize } from '../forward/sessions.ts';
import type { GraphBuilder, Value } from '../model/graph/graphBuilder.ts';
import { type Estimate, ratioOf } from './ratio.ts';

/** Rows of one run: two sets of their logits over a vocabulary of 128k take 128 MB. */
const HEAD_ROWS = 128;

/** A state after the last block and the weights of the head it goes through. */
export interface Predicting {
  readonly hidden: Hidden;
  readonly replaced?: Replaced | undefined;
}

export interface PredictionChange {
  /** KL(original ‖ changed), mean nats per token. */
  readonly divergence: Estimate;
  /** ‖z − ẑ‖² / ‖z‖² of the logits. */
  readonly logits: Estimate;
}

/**
 * @param states the model as it is, then the changed ones
 * @returns one per changed state; standard errors over sequences
 * @throws MEMORY_LIMIT, CANCELLED, TENSOR_NOT_FOUND, SHAPE_INVALID, FILE_TRUNCATED
 */
export async function comparePredictions(
  parts: Parts,
  [original, ...changed]: readonly [Predicting, ...Predicting[]],
  signal: AbortSignal | undefined,
): Promise<PredictionChange[]> {
  const { network, runtime } = parts;
  const { width, vocabulary, head } = network;
  const { sequences, tokens } = original.hidden;
  const own = await loadFeeds(parts, null, head.weights, original.replaced ?? {}, signal);
  const feeds = changed.map(({ replaced }) => ({ ...own, ...replacedFeeds(runtime, head.weights, replaced) }));
  const sums = changed.map(() => new PredictionSums(sequences));
  await using logitSessions = new SessionsBySize((rows) => logitSession(parts, rows));
  await using changeSessions = new SessionsBySize((rows) => changeSession(parts, rows));
  const rowsOf = ({ hidden }: Predicting, first: number, rows: number) =>
    runtime.tensor(hidden.values.subarray(first * width, (first + rows) * width), [rows, width]);
  for (let first = 0; first < sequences * tokens; first += HEAD_ROWS) {
    throwIfCancelled(signal, 'running the model');
    const rows = Math.min(HEAD_ROWS, sequences * tokens - first);
    const { session: plain } = await logitSessions.of(rows);
    const { session } = await changeSessions.of(rows);
    const { logits } = await plain.run({ ...own, hidden: rowsOf(original, first, rows) }, ['logits']);
    const reference = runtime.tensor(logits, [rows, vocabulary]);
    for (const [at, state] of changed.entries()) {
      const found = await session.run({ ...feeds[at], hidden: rowsOf(state, first, rows), reference }, OUTPUTS);
      for (let row = 0; row < rows; row++) sums[at]?.add(Math.floor((first + row) / tokens), row, found);
    }
  }
  return sums.map((sum) => sum.change());
}

const OUTPUTS = ['excess', 'noise', 'power'] as const;
type RowSums = Readonly<Record<(typeof OUTPUTS)[number], Float32Array>>;

class PredictionSums {
  readonly #divergence: Float64Array;
  readonly #noise: Float64Array;
  readonly #power: Float64Array;
  readonly #count: Float64Array;

  constructor(sequences: number) {
    [this.#divergence, this.#noise, this.#power, this.#count] = [0, 0, 0, 0].map(() => new Float64Array(sequences)) as [
      Float64Array,
      Float64Array,
      Float64Array,
      Float64Array,
    ];
  }

  add(sequence: number, row: number, { excess, noise, power }: RowSums): void {
    // Rounding may leave a divergence of next to nothing below zero.
    add(this.#divergence, sequence, Math.max(0, Math.log1p(excess[row] ?? 0)));
    add(this.#noise, sequence, noise[row] ?? 0);
    add(this.#power, sequence, power[row] ?? 0);
    add(this.#count, sequence, 1);
  }

  change(): PredictionChange {
    return { divergence: ratioOf(this.#divergence, this.#count), logits: ratioOf(this.#noise, this.#power) };
  }
}

function add(to: Float64Array, at: number, value: number): void {
  to[at] = (to[at] ?? 0) + value;
}

async function logitSession({ network, runtime }: Parts, rows: number): Promise<{ session: Session }> {
  const { graph, logits } = network.head.graph(rows);
  graph.output('logits', logits, [rows, network.vocabulary]);
  return { session: await runtime.session(graph.build()) };
}

async function changeSession({ network, runtime }: Parts, rows: number): Promise<{ session: Session }> {
  const { graph, logits } = network.head.graph(rows);
  const reference = graph.input('reference', 'float32', [rows, network.vocabulary]);
  const difference = graph.op('Sub', [logits, reference]);
  const found: Record<(typeof OUTPUTS)[number], Value> = {
    excess: excess(graph, reference, difference),
    noise: overRow(graph, 'ReduceSumSquare', difference),
    power: overRow(graph, 'ReduceSumSquare', reference),
  };
  for (const name of OUTPUTS) graph.output(name, found[name], [rows]);
  return { session: await runtime.session(graph.build()) };
}

/**
 * E − 1 for E = exp(KL). With p the softmax of the original's logits z, d = ẑ − z and e = d − Σ p·d,
 *
 *   KL = log Σ p·exp(d) − Σ p·d = log Σ p·exp(e) = log(1 + Σ p·(exp(e) − 1 − e)),  as Σ p·e = 0,
 *
 * a sum of terms ≥ 0: float32 keeps small divergences, where Σ p (log p − log q) would cancel.
 */
function excess(graph: GraphBuilder, reference: Value, difference: Value): Value {
  const p = graph.op('Softmax', [reference], { axis: -1 });
  const mean = graph.op('ReduceSum', [graph.op('Mul', [p, difference]), graph.integers([-1])], { keepdims: 1 });
  const e = graph.op('Sub', [difference, mean]);
  const beyond = graph.op('Sub', [graph.op('Sub', [graph.op('Exp', [e]), graph.scalar(1)]), e]);
  return overRow(graph, 'ReduceSum', graph.op('Mul', [p, beyond]));
}

function overRow(graph: GraphBuilder, type: 'ReduceSum' | 'ReduceSumSquare', value: Value): Value {
  return graph.op(type, [value, graph.integers([-1])], { keepdims: 0 });
}
