// Back through the embedding's graph to the rows of the tokens.

import { throwIfCancelled } from '../base/cancellation.ts';
import { loadFeeds, type Parts } from '../forward/blocks.ts';
import { embeddingRows } from '../forward/embed.ts';
import { SessionsBySize } from '../forward/sessions.ts';
import type { BatchSize, EmbeddingGraph } from '../model/forward/blockGraph.ts';
import {
  addGradientOutputs,
  byModule,
  type GradientSession,
  type Gradients,
  gradientOf,
  weightVariables,
} from './gradientOutputs.ts';
import type { PassOptions } from './headGradients.ts';

/** What some sequences add to the gradients before the first block. */
export interface EmbeddingBatch {
  readonly first: number;
  /** With respect to the tokens' rows, [rows of the batch, columns of the embedding]. */
  readonly rows: Float32Array;
  /** By module, without the embedding itself. */
  readonly weights: Gradients;
}

/** @param upstream gradient with respect to the states before the first block. @throws as `embedTokens` */
export async function* embeddingGradients(
  parts: Parts,
  sequences: readonly Uint32Array[],
  upstream: Float32Array,
  { modules, step, signal }: PassOptions,
): AsyncGenerator<EmbeddingBatch> {
  const { runtime, network } = parts;
  const { width } = network;
  const { columns, graph: graphOf, weights } = network.embedding;
  const tokens = sequences[0]?.length ?? 0;
  const starts = Array.from({ length: Math.ceil(sequences.length / step) }, (_, i) => i * step);
  if (graphOf === null) {
    for (const first of starts)
      yield { first, rows: upstream.subarray(first * tokens * width, (first + step) * tokens * width), weights: {} };
    return;
  }
  const feeds = await loadFeeds(parts, null, weights, {}, signal);
  await using sessions = new SessionsBySize((count) =>
    embeddingSession(parts, graphOf, modules, { sequences: count, tokens }),
  );
  for (const first of starts) {
    throwIfCancelled(signal, 'gradients');
    const own = sequences.slice(first, first + step);
    const { values } = await embeddingRows(parts, own, signal);
    const { session, outputs } = await sessions.of(own.length);
    const part = upstream.subarray(first * tokens * width, (first + step) * tokens * width);
    const found = await session.run(
      {
        ...feeds,
        rows: runtime.tensor(values, [own.length * tokens, columns]),
        upstream: runtime.tensor(part, [own.length * tokens, width]),
      },
      outputs,
    );
    yield { first, rows: found[gradientOf('rows')] ?? new Float32Array(), weights: byModule(modules, found) };
  }
}

async function embeddingSession(
  { network, runtime }: Parts,
  graphOf: (batch: BatchSize) => EmbeddingGraph,
  modules: readonly string[],
  batch: BatchSize,
): Promise<GradientSession> {
  const { width, embedding } = network;
  const count = batch.sequences * batch.tokens;
  const { graph, rows, hidden, weights } = graphOf(batch);
  const upstream = graph.input('upstream', 'float32', [count, width]);
  const outputs = addGradientOutputs(graph, { value: hidden, upstream }, [
    { name: 'rows', value: rows, dimensions: [count, embedding.columns] },
    ...weightVariables(modules, weights, embedding.weights),
  ]);
  return { session: await runtime.session(graph.build()), outputs };
}
