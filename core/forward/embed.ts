// Token ids → hidden states before the first block.

import { QuantscopeError } from '../base/errors.ts';
import type { Hidden, Parts } from './blocks.ts';

/**
 * @param sequences of equal length
 * @param matrix stands in for the model's own embedding, [vocabulary, width]
 * @throws TOKENIZER_UNSUPPORTED for ids the model does not have, CANCELLED, FILE_TRUNCATED
 */
export async function embedTokens(
  { shape, weights }: Parts,
  sequences: readonly Uint32Array[],
  signal: AbortSignal | undefined,
  matrix?: Float32Array,
): Promise<Hidden> {
  const { width, vocabulary } = shape;
  const tokens = sequences[0]?.length ?? 0;
  const distinct = [...new Set(sequences.flatMap((sequence) => [...sequence]))].sort((a, b) => a - b);
  const beyond = distinct.find((id) => id >= vocabulary);
  if (beyond !== undefined)
    throw new QuantscopeError(
      'TOKENIZER_UNSUPPORTED',
      `${weights.checkpoint.name}: token ${beyond} of the text, the model has ${vocabulary}`,
    );
  const rows = matrix ?? (await weights.rows('embed', Uint32Array.from(distinct), signal));
  const place = new Map(distinct.map((id, at) => [id, matrix === undefined ? at : id]));
  const values = new Float32Array(sequences.length * tokens * width);
  sequences.forEach((sequence, s) => {
    sequence.forEach((id, t) => {
      const at = (place.get(id) ?? 0) * width;
      values.set(rows.subarray(at, at + width), (s * tokens + t) * width);
    });
  });
  return { values, sequences: sequences.length, tokens };
}
