// Hidden states → logits, some rows at a time.

import { throwIfCancelled } from '../base/cancellation.ts';
import { decoderHead } from '../model/forward/decoderHead.ts';
import type { Hidden, Parts } from './blocks.ts';
import type { Session } from './runtime.ts';

/** Rows of one run: their logits over a vocabulary of 128k take 64 MB. */
const HEAD_ROWS = 128;

export interface LogitRows {
  /** Position of the first row among all tokens: sequence · length + token. */
  readonly first: number;
  /** [rows, vocabulary] */
  readonly logits: Float32Array;
}

export interface HeadRun {
  /** First token of a sequence whose logits are wanted. */
  readonly from: number;
  /** Stands in for the model's own output matrix, [vocabulary, width]. */
  readonly output?: Float32Array | undefined;
  readonly signal: AbortSignal | undefined;
  readonly onSequence?: ((sequence: number) => void) | undefined;
}

/** Module that holds the output matrix: the embedding where the two are tied. */
export function outputModule({ weights }: Parts): 'output' | 'embed' {
  return weights.find(null, 'output') === null ? 'embed' : 'output';
}

/**
 * Logits of every wanted row, in order, of several states through the same matrix: one array per state.
 * @throws MEMORY_LIMIT, CANCELLED, TENSOR_NOT_FOUND, SHAPE_INVALID, FILE_TRUNCATED
 */
export async function* headLogits(
  parts: Parts,
  states: readonly Hidden[],
  { from, output, signal, onSequence }: HeadRun,
): AsyncGenerator<{ first: number; logits: Float32Array[] }> {
  const { sequences = 0, tokens = 0 } = states[0] ?? {};
  const { shape, weights, runtime } = parts;
  const { width, vocabulary } = shape;
  const matrix = output ?? (await weights.load(null, outputModule(parts), [vocabulary, width], signal));
  const feeds = {
    norm: runtime.tensor(await weights.load(null, 'norm', [width], signal), [width]),
    output: runtime.tensor(matrix, [vocabulary, width]),
  };
  const sessions = new Map<number, Session>();
  try {
    for (let sequence = 0; sequence < sequences; sequence++) {
      for (let token = from; token < tokens; token += HEAD_ROWS) {
        throwIfCancelled(signal, 'running the model');
        const rows = Math.min(HEAD_ROWS, tokens - token);
        const session = sessions.get(rows) ?? (await headSession(parts, rows));
        sessions.set(rows, session);
        const first = sequence * tokens + token;
        const logits: Float32Array[] = [];
        for (const { values } of states) {
          const hidden = runtime.tensor(values.subarray(first * width, (first + rows) * width), [rows, width]);
          logits.push((await session.run({ ...feeds, hidden }, ['logits'])).logits);
        }
        yield { first, logits };
      }
      onSequence?.(sequence);
    }
  } finally {
    for (const session of sessions.values()) await session.release();
  }
}

function headSession({ shape, runtime }: Parts, rows: number): Promise<Session> {
  const { graph, logits } = decoderHead(shape, rows);
  graph.output('logits', logits, [rows, shape.vocabulary]);
  return runtime.session(graph.build());
}
