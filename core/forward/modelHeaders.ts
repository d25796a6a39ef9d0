// What a checkpoint's headers say of the network, in the terms core/model/forward asks for.

import { QuantscopeError } from '../base/errors.ts';
import { MAX_ROTARY_PAIRS } from '../base/limits.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { ModelHeaders } from '../model/forward/family.ts';
import { isKnownModule } from '../model/modules.ts';
import type { ModelWeights } from './weights.ts';

/** llama.cpp's names for rotary scaling stored as tensors, one number per pair. */
const DIVISORS = ['rope_freqs', 'rope_factors_long', 'rope_factors_short'];

/** @throws SHAPE_INVALID, FILE_TRUNCATED */
export async function headersOf(checkpoint: Checkpoint, weights: ModelWeights): Promise<ModelHeaders> {
  const divisors = new Map<string, Float32Array>();
  for (const module of checkpoint.gguf === undefined ? [] : DIVISORS) {
    const tensor = weights.find(null, module);
    if (tensor === null) continue;
    if (tensor.elements > MAX_ROTARY_PAIRS)
      throw new QuantscopeError(
        'SHAPE_INVALID',
        `${checkpoint.name}: ${tensor.name} has ${tensor.elements} numbers, at most ${MAX_ROTARY_PAIRS} can be`,
      );
    divisors.set(module, await weights.load(null, module, tensor.shape, undefined));
  }
  return {
    name: checkpoint.name,
    config: checkpoint.config,
    gguf: checkpoint.gguf === undefined ? null : (key) => plain(checkpoint.metadata[key]),
    vocabulary: weights.find(null, 'embed')?.shape[0] ?? null,
    unplaced: checkpoint.tensors.filter(({ module }) => !isKnownModule(module)).map(({ name }) => name),
    has: (layer, module) => weights.find(layer, module) !== null,
    divisors: (module) => divisors.get(module) ?? null,
  };
}

function plain(value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value;
}
