// Rotary frequencies as a model was trained with them, and the cosines and sines of positions.

import { QuantscopeError } from '../../base/errors.ts';
import { numberAt, shown, textAt } from '../../base/jsonObject.ts';
import type { ModelConfig } from '../modelConfig.ts';

/**
 * Radians per position of each rotated pair (transformers `modeling_rope_utils`: default, linear, llama3).
 * @throws UNSUPPORTED_ARCHITECTURE for other scalings
 */
export function scaledFrequencies(config: ModelConfig): Float64Array {
  const { headDimension, ropeBase, rope } = config;
  const plain = Float64Array.from(
    { length: Math.floor(headDimension / 2) },
    (_, i) => 1 / ropeBase ** ((2 * i) / headDimension),
  );
  const type = rope === null ? 'default' : (textAt(rope, 'rope_type') ?? textAt(rope, 'type') ?? 'default');
  // Dynamic scaling acts beyond the trained context only.
  if (rope === null || type === 'default' || type === 'dynamic') return plain;
  const factor = numberAt(rope, 'factor') ?? 1;
  if (type === 'linear') return plain.map((frequency) => frequency / factor);
  if (type !== 'llama3')
    throw new QuantscopeError(
      'UNSUPPORTED_ARCHITECTURE',
      `config.json: rope scaling ${shown(type)} cannot be run; default, linear, dynamic and llama3 can`,
    );
  const factors = llama3Factors(config, factor);
  return plain.map((frequency, i) => frequency / (factors[i] ?? 1));
}

/**
 * Divisor of each frequency in Llama 3.1's scaling: frequencies above `high` are kept, below `low` divided by `factor`,
 * between blended (transformers modeling_rope_utils `_compute_llama3_parameters`).
 */
export function llama3Factors({ rope, headDimension, ropeBase }: ModelConfig, factor: number): Float64Array {
  const low = (rope && numberAt(rope, 'low_freq_factor')) ?? 1;
  const high = (rope && numberAt(rope, 'high_freq_factor')) ?? 4;
  const context = (rope && numberAt(rope, 'original_max_position_embeddings')) ?? 8192;
  return Float64Array.from({ length: Math.floor(headDimension / 2) }, (_, i) => {
    const wavelength = 2 * Math.PI * ropeBase ** ((2 * i) / headDimension);
    if (wavelength < context / high) return 1;
    if (wavelength > context / low) return factor;
    const smooth = (context / wavelength - low) / (high - low);
    return 1 / ((1 - smooth) / factor + smooth);
  });
}

/** cos and sin of position × frequency, [tokens, pairs] each. */
export function rotaryTables(frequencies: Float64Array, tokens: number): { cos: Float32Array; sin: Float32Array } {
  const pairs = frequencies.length;
  const cos = new Float32Array(tokens * pairs);
  const sin = new Float32Array(tokens * pairs);
  for (let position = 0; position < tokens; position++)
    for (let pair = 0; pair < pairs; pair++) {
      const angle = position * (frequencies[pair] ?? 0);
      cos[position * pairs + pair] = Math.cos(angle);
      sin[position * pairs + pair] = Math.sin(angle);
    }
  return { cos, sin };
}

/** 0 where a token may look, −∞ where it may not: [tokens, tokens], row = looking token. */
export function causalMask(tokens: number): Float32Array {
  const mask = new Float32Array(tokens * tokens);
  for (let row = 0; row < tokens; row++)
    mask.fill(Number.NEGATIVE_INFINITY, row * tokens + row + 1, (row + 1) * tokens);
  return mask;
}
