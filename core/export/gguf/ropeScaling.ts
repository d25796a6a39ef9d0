// Rotary position scaling of config.json as GGUF key-values, and Llama 3's as the tensor llama.cpp reads.

import { QuantscopeError } from '../../base/errors.ts';
import { countAt, numberAt, shown, textAt } from '../../base/jsonObject.ts';
import { llama3Factors } from '../../model/forward/ropeScaling.ts';
import type { ModelConfig } from '../../model/modelConfig.ts';
import { f32, type KeyValue, text, u32 } from './keyValues.ts';

export interface RopeScaling {
  readonly keyValues: readonly KeyValue[];
  /** `rope_freqs.weight`: one divisor per rotary frequency, or null. */
  readonly frequencyFactors: Float32Array | null;
  readonly warnings: readonly string[];
}

/** @throws UNSUPPORTED_ARCHITECTURE for a scaling llama.cpp's Llama and Qwen graphs do not have */
export function ropeScaling(config: ModelConfig): RopeScaling {
  const { rope, architecture } = config;
  const type = rope === null ? 'default' : (textAt(rope, 'rope_type') ?? textAt(rope, 'type') ?? 'default');
  const key = (name: string): string => `${architecture}.rope.scaling.${name}`;
  const factor = rope === null ? null : numberAt(rope, 'factor');
  const original = rope === null ? null : countAt(rope, 'original_max_position_embeddings');
  switch (type) {
    case 'default':
      return { keyValues: [], frequencyFactors: null, warnings: [] };
    case 'linear':
      return {
        keyValues: [text(key('type'), 'linear'), f32(key('factor'), needed(factor, type))],
        frequencyFactors: null,
        warnings: [],
      };
    case 'yarn':
      return {
        keyValues: [
          text(key('type'), 'yarn'),
          f32(key('factor'), needed(factor, type)),
          u32(key('original_context_length'), original ?? config.contextLength),
        ],
        frequencyFactors: null,
        warnings: [],
      };
    case 'llama3':
      return {
        keyValues: [],
        frequencyFactors: Float32Array.from(llama3Factors(config, needed(factor, type))),
        warnings: [],
      };
    case 'dynamic':
      return {
        keyValues: [],
        frequencyFactors: null,
        warnings: ['config.json: dynamic rope scaling is left out; it acts beyond the trained context only'],
      };
    default:
      throw new QuantscopeError(
        'UNSUPPORTED_ARCHITECTURE',
        `config.json: rope scaling ${shown(type)} cannot be written for ${architecture}; linear, yarn, llama3 and dynamic can`,
      );
  }
}

function needed(factor: number | null, type: string): number {
  if (factor === null || factor <= 0)
    throw new QuantscopeError('HEADER_INVALID', `config.json: rope scaling ${type} needs a positive factor`);
  return factor;
}
