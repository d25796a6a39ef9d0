// What a checkpoint's headers say of the network, in the terms core/model/forward asks for.

import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { ModelHeaders } from '../model/forward/shapeOf.ts';
import type { ModelWeights } from './weights.ts';

export async function headersOf(checkpoint: Checkpoint, weights: ModelWeights): Promise<ModelHeaders> {
  const factors = weights.find(null, 'rope_freqs');
  return {
    name: checkpoint.name,
    config: checkpoint.config,
    gguf: checkpoint.gguf === undefined ? null : (key) => plain(checkpoint.metadata[key]),
    vocabulary: weights.find(null, 'embed')?.shape[0] ?? null,
    frequencyFactors: factors === null ? null : await weights.load(null, 'rope_freqs', factors.shape, undefined),
    has: (module) => weights.find(0, module) !== null,
  };
}

function plain(value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value;
}
