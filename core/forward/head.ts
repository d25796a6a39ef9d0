// Hidden states → logits, some rows at a time.

import { throwIfCancelled } from '../base/cancellation.ts';
import { type Hidden, loadFeeds, type Parts, refuseNonFinite, sumsToFinite } from './blocks.ts';
import { nonFiniteWeight } from './firstNonFinite.ts';
import { type Built, SessionsBySize } from './sessions.ts';

/** Rows of one run: their logits over a vocabulary of 128k take 64 MB. */
export const HEAD_ROWS = 128;

export interface LogitRows {
  /** Position of the first row among all tokens: sequence · length + token. */
  readonly first: number;
  /** [rows, vocabulary] */
  readonly logits: Float32Array;
}

export interface HeadRun {
  /** First token of a sequence whose logits are wanted. */
  readonly from: number;
  /** Stands in for the model's own output matrix, shaped as the head describes it. */
  readonly output?: Float32Array | undefined;
  readonly signal: AbortSignal | undefined;
  readonly onSequence?: ((sequence: number) => void) | undefined;
}

/**
 * Logits of every wanted row, in order, of several states through the same matrix: one array per state.
 * @throws NON_FINITE naming the head, MEMORY_LIMIT, CANCELLED, TENSOR_NOT_FOUND, SHAPE_INVALID, FILE_TRUNCATED
 */
export async function* headLogits(
  parts: Parts,
  states: readonly Hidden[],
  { from, output, signal, onSequence }: HeadRun,
): AsyncGenerator<{ first: number; logits: Float32Array[] }> {
  const { sequences: count = 0, tokens = 0 } = states[0] ?? {};
  const { network, runtime } = parts;
  const { width, head } = network;
  const replaced = output === undefined ? {} : { [head.output]: output };
  const feeds = await loadFeeds(parts, null, head.weights, replaced, signal);
  await using sessions = new SessionsBySize((rows) => headSession(parts, rows));
  for (let sequence = 0; sequence < count; sequence++) {
    for (let token = from; token < tokens; token += HEAD_ROWS) {
      throwIfCancelled(signal, 'running the model');
      const rows = Math.min(HEAD_ROWS, tokens - token);
      const { session } = await sessions.of(rows);
      const first = sequence * tokens + token;
      const logits: Float32Array[] = [];
      for (const { values } of states) {
        const hidden = runtime.tensor(values.subarray(first * width, (first + rows) * width), [rows, width]);
        const found = (await session.run({ ...feeds, hidden }, ['logits'])).logits;
        if (!sumsToFinite(found)) {
          const where = `${parts.weights.checkpoint.name}: the head`;
          refuseNonFinite(found, where, nonFiniteWeight(head.weights, feeds));
        }
        logits.push(found);
      }
      yield { first, logits };
    }
    onSequence?.(sequence);
  }
}

async function headSession({ network, runtime }: Parts, rows: number): Promise<Built> {
  const { graph, logits } = network.head.graph(rows);
  graph.output('logits', logits, [rows, network.vocabulary]);
  return { session: await runtime.session(graph.build()) };
}
