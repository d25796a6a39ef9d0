// Gradients of the mean negative log likelihood of a text with respect to a model's weights, block by block: forward,
// keeping the hidden states; then back from the head to the embedding, with one block's weights in memory at a time.

import { QuantscopeError } from '../base/errors.ts';
import type { ScoredSequences } from '../evaluation/sequences.ts';
import { batchesOf, batchSequences, type Parts } from '../forward/blocks.ts';
import type { RunProgress } from '../forward/decoder.ts';
import { embedTokens } from '../forward/embed.ts';
import { blockGradients, gradientKinds } from './blockGradients.ts';
import { embeddingGradients } from './embeddingGradients.ts';
import { headGradients } from './headGradients.ts';
import { modulesOfKind, type SinkOptions, Sinks, type WeightGradient, weightsOf } from './sinks.ts';
import { StateTrail } from './stateTrail.ts';
import { sampledTargets, type Targets, textTargets } from './targets.ts';
import type { GradientSink } from './weight.ts';

export interface GradientOptions<Sink extends GradientSink> extends RunProgress, SinkOptions<Sink> {
  /** Several sequences in one run, for sinks that only sum: faster where sequences are short. */
  readonly together?: boolean | undefined;
  /** Seed of tokens drawn from the predictions of the rows that count; the text's tokens when left out. */
  readonly sampled?: number | undefined;
  /** Bytes of hidden states kept; beyond, blocks run forward twice. */
  readonly maxTrailBytes?: number | undefined;
  /** Called before the first weight is handed out. */
  readonly onLoss?: ((loss: Loss) => void) | undefined;
}

export interface Loss {
  /** Mean negative log likelihood per token, nats. */
  readonly mean: number;
  /** Tokens it is the mean of. */
  readonly tokens: number;
}

/**
 * L = (1/N) Σ over sequences s, Σ over tokens t of s that count: −log p(t | those before it in s).
 * Every weight's sink takes ∂L_s/∂w for each sequence s, L_s being its part of the sum: they add up to the gradient of
 * L. Weights are handed out one after the other, from the head to the embedding.
 *
 * @throws UNSUPPORTED_ARCHITECTURE for the text's own tokens on encoders, which predict no next one; NON_FINITE naming
 * the layer, MEMORY_LIMIT, CANCELLED, TENSOR_NOT_FOUND, SHAPE_INVALID, FILE_TRUNCATED; INTERNAL for an operation without
 * a gradient rule
 */
export async function* lossGradients<Sink extends GradientSink>(
  parts: Parts,
  scored: ScoredSequences,
  options: GradientOptions<Sink>,
): AsyncGenerator<WeightGradient<Sink>> {
  const { network, weights } = parts;
  if (!network.causal && options.sampled === undefined) {
    const fact = 'an encoder predicts no next token, so a text has no likelihood to differentiate';
    throw new QuantscopeError('UNSUPPORTED_ARCHITECTURE', `${weights.checkpoint.name}: ${fact}`);
  }
  const pass = await forward(parts, scored, options);
  yield* throughHead(pass);
  yield* throughBlocks(pass);
  yield* throughEmbedding(pass);
}

/** What the way back needs of the way forward. */
interface Pass<Sink extends GradientSink> {
  readonly parts: Parts;
  readonly sequences: readonly Uint32Array[];
  readonly tokens: number;
  /** Sequences of one run. */
  readonly step: number;
  readonly options: GradientOptions<Sink>;
  readonly trail: StateTrail;
  readonly targets: Targets;
  /** Gradient with respect to the hidden states, of whatever has been passed so far. */
  readonly upstream: Float32Array;
  /** Counts one step done. */
  readonly count: (message: string) => void;
}

async function forward<Sink extends GradientSink>(
  parts: Parts,
  scored: ScoredSequences,
  options: GradientOptions<Sink>,
): Promise<Pass<Sink>> {
  const { network } = parts;
  const { layers } = network;
  const { signal, sampled, together, maxTrailBytes } = options;
  const { sequences } = scored;
  const tokens = sequences[0]?.length ?? 0;
  const step = together === true ? batchSequences(tokens) : 1;
  const embedded = await embedTokens(parts, sequences, signal);
  const runs = Math.ceil(sequences.length / step);
  const total = layers * batchesOf(embedded) + (layers + 2) * runs;
  let done = 0;
  const count = (message: string): void => options.onProgress?.(++done, total, message);
  const onBatch = (layer: number): void => count(`layer ${layer + 1} of ${layers}`);
  const trail = await StateTrail.record(parts, embedded, { signal, onBatch, maxBytes: maxTrailBytes });
  const targets =
    sampled === undefined ? textTargets(scored) : await sampledTargets(parts, trail.final, scored, sampled, signal);
  const upstream = new Float32Array(trail.final.values.length);
  return { parts, sequences, tokens, step, options, trail, targets, upstream, count };
}

async function* throughHead<Sink extends GradientSink>(pass: Pass<Sink>): AsyncGenerator<WeightGradient<Sink>> {
  const { parts, tokens, step, options, trail, targets, upstream, count } = pass;
  const { head, width } = parts.network;
  // A matrix shared with the embedding is handed out with it.
  const own = weightsOf(parts, null, head.weights).filter(({ module }) => module !== 'embed');
  const sinks = await Sinks.open(own, options);
  let mean = 0;
  const run = { modules: sinks.modules, step, signal: options.signal };
  for await (const { first, loss, hidden, weights } of headGradients(parts, trail.final, targets, run)) {
    mean += loss;
    upstream.set(hidden, first * tokens * width);
    sinks.add(weights, first);
    count('gradients of the head');
  }
  options.onLoss?.({ mean, tokens: targets.count });
  yield* sinks.filled();
}

async function* throughBlocks<Sink extends GradientSink>(pass: Pass<Sink>): AsyncGenerator<WeightGradient<Sink>> {
  const { parts, tokens, step, options, trail, upstream, count } = pass;
  const { network } = parts;
  await using kinds = gradientKinds(parts, tokens, (kind) => modulesOfKind(parts, kind, options));
  for (let layer = network.layers - 1; layer >= 0; layer--) {
    const sinks = await Sinks.open(weightsOf(parts, layer, network.block(layer).weights), options);
    const before = await trail.before(layer);
    const run = { modules: sinks.modules, step, signal: options.signal };
    for await (const { first, weights } of blockGradients(parts, kinds, layer, before, upstream, run)) {
      sinks.add(weights, first);
      count(`gradients of layer ${layer + 1} of ${network.layers}`);
    }
    yield* sinks.filled();
  }
}

async function* throughEmbedding<Sink extends GradientSink>(pass: Pass<Sink>): AsyncGenerator<WeightGradient<Sink>> {
  const { parts, sequences, step, options, trail, targets, upstream, count } = pass;
  const { embedding, head, vocabulary } = parts.network;
  const { columns } = embedding;
  const layout = new Map([['embed', { dimensions: [vocabulary, columns] }]]);
  const matrix = await Sinks.open(weightsOf(parts, null, layout), options);
  const others = await Sinks.open(weightsOf(parts, null, embedding.weights), options);
  const { signal } = options;
  const wanted = matrix.modules.length > 0;
  // The gradient of a shared matrix at the head is as large as the matrix: made again, one run's at a time.
  const atHead =
    wanted && head.output === 'embed'
      ? headGradients(parts, trail.final, targets, { modules: matrix.modules, step, signal })
      : null;
  const run = { modules: others.modules, step, signal };
  try {
    for await (const { first, rows, weights } of embeddingGradients(parts, sequences, upstream, run)) {
      others.add(weights, first);
      if (wanted) {
        const shared = atHead === null ? undefined : (await atHead.next()).value;
        const embed = shared?.weights.embed ?? new Float32Array(vocabulary * columns);
        addRows(embed, rows, sequences.slice(first, first + step), columns);
        matrix.add({ embed }, first);
      }
      count('gradients of the embedding');
    }
  } finally {
    await atHead?.return(undefined);
  }
  yield* others.filled();
  yield* matrix.filled();
}

/** Adds the gradient of every token's row to the row of the matrix it was taken from. */
function addRows(matrix: Float32Array, rows: Float32Array, sequences: readonly Uint32Array[], columns: number): void {
  let from = 0;
  for (const sequence of sequences)
    for (const token of sequence) {
      const to = token * columns;
      for (let i = 0; i < columns; i++) matrix[to + i] = (matrix[to + i] ?? 0) + (rows[from + i] ?? 0);
      from += columns;
    }
}
