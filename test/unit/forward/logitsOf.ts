// All logits of some sequences as one array.

import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { Decoder } from '../../../core/forward/decoder.ts';
import type { Pool } from '../../../core/kernels/pool.ts';

/** [sequences · tokens, vocabulary] */
export async function logitsOf(path: string, sequences: readonly Uint32Array[], pool: Pool): Promise<Float32Array> {
  const decoder = await Decoder.open(await openCheckpoint(path), pool);
  const { vocabulary } = decoder.network;
  const found = new Float32Array(sequences.reduce((sum, ids) => sum + ids.length, 0) * vocabulary);
  for await (const { first, logits } of decoder.logits(sequences, 0)) found.set(logits, first * vocabulary);
  return found;
}
