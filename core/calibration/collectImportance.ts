// Measures an importance matrix: the mean square of every linear layer's input columns over a text.

import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { cutSequences } from '../evaluation/sequences.ts';
import type { Decoder, RunProgress, SecondMoments } from '../forward/decoder.ts';

export interface MeasuredImportance {
  /**
   * Mean of x² per column, by tensor index; a tensor that holds all experts has the columns of each, one after the
   * other, all 1 for an expert that no token reached (as llama.cpp takes them: nothing weighs its columns).
   */
  readonly columns: ReadonlyMap<number, Float32Array>;
  readonly tokens: number;
  readonly sequences: number;
}

export interface CollectOptions extends RunProgress {
  readonly context: number;
  readonly sequences?: number | undefined;
  readonly seed?: number | undefined;
  readonly begin: number | null;
}

/** @throws TEXT_TOO_SHORT, and what Decoder.secondMoments throws */
export async function collectImportance(
  decoder: Decoder,
  ids: Uint32Array,
  options: CollectOptions,
): Promise<MeasuredImportance> {
  const { sequences } = cutSequences(ids, { ...options, score: 'all' });
  const moments = await decoder.secondMoments(sequences, options);
  return { columns: columnsOf(moments), tokens: moments.tokens, sequences: sequences.length };
}

/** Sums of squares over the rows they are of. */
export function columnsOf({ sums, rows }: Pick<SecondMoments, 'sums' | 'rows'>): Map<number, Float32Array> {
  return new Map([...sums].map(([tensor, sum]) => [tensor, meanSquares(sum, rows.get(tensor) ?? new Float64Array(1))]));
}

function meanSquares(sums: Float64Array, rows: Float64Array): Float32Array {
  const columns = sums.length / rows.length;
  return Float32Array.from(sums, (square, at) => {
    const reached = rows[Math.floor(at / columns)] ?? 0;
    return reached === 0 ? 1 : square / reached;
  });
}

/** Names of llama.cpp for the measured tensors; the tensor's own where it has no other. */
export function importanceEntries(
  { columns }: Pick<MeasuredImportance, 'columns'>,
  { tensors }: Checkpoint,
  ggufNameOf: (name: string) => string | null,
): { name: string; columns: Float32Array }[] {
  return [...columns].map(([tensor, values]) => {
    const name = tensors[tensor]?.name ?? '';
    return { name: ggufNameOf(name) ?? name, columns: values };
  });
}
