// Token ids → hidden states before the first block.

import { throwIfCancelled } from '../base/cancellation.ts';
import { QuantscopeError } from '../base/errors.ts';
import type { BatchSize, EmbeddingGraph } from '../model/forward/blockGraph.ts';
import { type Hidden, loadFeeds, type Parts, type Replaced, refuseNonFinite } from './blocks.ts';
import { SessionsBySize } from './sessions.ts';

/** Tokens of one run of the embedding's graph. */
const BATCH_TOKENS = 4096;

/**
 * @param sequences of equal length
 * @param replaced may hold the embedding itself ("embed", [vocabulary, columns]) and weights of its graph
 * @throws TOKENIZER_UNSUPPORTED for ids the model does not have, NON_FINITE naming the embedding, CANCELLED, FILE_TRUNCATED
 */
export async function embedTokens(
  parts: Parts,
  sequences: readonly Uint32Array[],
  signal: AbortSignal | undefined,
  replaced: Replaced = {},
): Promise<Hidden> {
  const rows = await embeddingRows(parts, sequences, signal, replaced.embed);
  const { graph } = parts.network.embedding;
  const name = parts.weights.checkpoint.name;
  refuseNonFinite(rows.values, `${name}: the embedding`, 'the weight embed');
  if (graph === null) return rows;
  const hidden = await throughGraph(parts, graph, rows, replaced, signal);
  refuseNonFinite(hidden.values, `${name}: the embedding`);
  return hidden;
}

/**
 * The tokens' rows of the embedding, [sequences · tokens, columns]: what its graph takes in.
 * @param matrix stands in for the model's own embedding. @throws as `embedTokens`
 */
export async function embeddingRows(
  { network, weights }: Parts,
  sequences: readonly Uint32Array[],
  signal: AbortSignal | undefined,
  matrix?: Float32Array,
): Promise<Hidden> {
  const tokens = sequences[0]?.length ?? 0;
  const { columns } = network.embedding;
  const distinct = [...new Set(sequences.flatMap((sequence) => [...sequence]))].sort((a, b) => a - b);
  const beyond = distinct.find((id) => id >= network.vocabulary);
  if (beyond !== undefined)
    throw new QuantscopeError(
      'TOKENIZER_UNSUPPORTED',
      `${weights.checkpoint.name}: token ${beyond} of the text, the model has ${network.vocabulary}`,
    );
  const rows =
    matrix ?? (await weights.rows('embed', [network.vocabulary, columns], Uint32Array.from(distinct), signal));
  const place = new Map(distinct.map((id, at) => [id, matrix === undefined ? at : id]));
  const values = new Float32Array(sequences.length * tokens * columns);
  sequences.forEach((sequence, s) => {
    sequence.forEach((id, t) => {
      const at = (place.get(id) ?? 0) * columns;
      values.set(rows.subarray(at, at + columns), (s * tokens + t) * columns);
    });
  });
  return { values, sequences: sequences.length, tokens };
}

/** Scales, adds positions, norms: what the family's graph does with the rows. */
async function throughGraph(
  parts: Parts,
  graphOf: (batch: BatchSize) => EmbeddingGraph,
  { values, sequences, tokens }: Hidden,
  replaced: Replaced,
  signal: AbortSignal | undefined,
): Promise<Hidden> {
  const { runtime, network } = parts;
  const { width, embedding } = network;
  const { columns } = embedding;
  const feeds = await loadFeeds(parts, null, embedding.weights, replaced, signal);
  await using sessions = new SessionsBySize(async (count) => {
    const { graph, hidden } = graphOf({ sequences: count, tokens });
    graph.output('hidden', hidden, [count * tokens, width]);
    return { session: await runtime.session(graph.build()) };
  });
  const out = new Float32Array(sequences * tokens * width);
  const step = Math.max(1, Math.floor(BATCH_TOKENS / Math.max(1, tokens)));
  for (let first = 0; first < sequences; first += step) {
    throwIfCancelled(signal, 'running the model');
    const count = Math.min(step, sequences - first);
    const part = values.subarray(first * tokens * columns, (first + count) * tokens * columns);
    const rows = runtime.tensor(part, [count * tokens, columns]);
    const { session } = await sessions.of(count);
    const { hidden } = await session.run({ ...feeds, rows }, ['hidden']);
    out.set(hidden, first * tokens * width);
  }
  return { values: out, sequences, tokens };
}
