// How rotary frequencies are stretched to contexts longer than a model was first trained on.

import { type JsonObject, numberAt } from '../../base/jsonObject.ts';
import type { ModelConfig } from '../modelConfig.ts';

/** transformers `modeling_rope_utils`, by `rope_type`. Contexts and `original` are in tokens. */
export type RopeScaling =
  | { readonly type: 'none' }
  | { readonly type: 'linear'; readonly factor: number }
  | { readonly type: 'dynamic'; readonly factor: number; readonly context: number }
  | ({ readonly type: 'llama3'; readonly factor: number } & Llama3)
  | ({ readonly type: 'yarn' } & Yarn)
  | ({ readonly type: 'longrope' } & LongRope);

interface Llama3 {
  readonly low: number;
  readonly high: number;
  readonly original: number;
}

interface Yarn {
  readonly factor: number;
  readonly original: number;
  /** Rotations over the original context above and below which frequencies are kept and divided. */
  readonly betaFast: number;
  readonly betaSlow: number;
  readonly truncate: boolean;
  readonly magnitude: number;
}

interface LongRope {
  /** A divisor per pair, for texts up to the original context and beyond it. */
  readonly short: ArrayLike<number>;
  readonly long: ArrayLike<number>;
  readonly original: number;
  readonly magnitude: number;
}

export interface ScaledFrequencies {
  /** Radians per position, one per rotated pair. */
  readonly radians: Float64Array;
  /** Multiplies cosines and sines. */
  readonly magnitude: number;
}

/** @param tokens of the text that is run */
export function scaledFrequencies(
  scaling: RopeScaling,
  width: number,
  base: number,
  tokens: number,
): ScaledFrequencies {
  const plain = frequencies(width, base);
  switch (scaling.type) {
    case 'none':
      return { radians: plain, magnitude: 1 };
    case 'linear':
      return { radians: plain.map((frequency) => frequency / scaling.factor), magnitude: 1 };
    case 'dynamic': {
      const { factor, context } = scaling;
      if (tokens <= context) return { radians: plain, magnitude: 1 };
      const stretch = (factor * tokens) / context - (factor - 1);
      return { radians: frequencies(width, base * stretch ** (width / (width - 2))), magnitude: 1 };
    }
    case 'llama3': {
      const factors = llama3Divisors(scaling, scaling.factor, width, base);
      return { radians: plain.map((frequency, i) => frequency / (factors[i] ?? 1)), magnitude: 1 };
    }
    case 'yarn':
      return { radians: yarnFrequencies(plain, scaling, base), magnitude: scaling.magnitude };
    case 'longrope': {
      const factors = tokens > scaling.original ? scaling.long : scaling.short;
      return { radians: plain.map((frequency, i) => frequency / (factors[i] ?? 1)), magnitude: scaling.magnitude };
    }
  }
}

/** 1 / θ^(2i / width) (Su et al. 2021, arXiv 2104.09864, section 3.2.2). */
function frequencies(width: number, base: number): Float64Array {
  return Float64Array.from({ length: width / 2 }, (_, i) => base ** ((-2 * i) / width));
}

/**
 * Divisor of each frequency in Llama 3.1's scaling: frequencies above `high` are kept, below `low` divided by `factor`,
 * between blended (transformers modeling_rope_utils `_compute_llama3_parameters`).
 */
export function llama3Factors(
  { rope, headDimension, ropeBase }: Pick<ModelConfig, 'rope' | 'headDimension' | 'ropeBase'>,
  factor: number,
): Float64Array {
  const original = (rope && numberAt(rope, 'original_max_position_embeddings')) ?? 8192;
  return llama3Divisors({ ...readLlama3(rope ?? {}), original }, factor, headDimension, ropeBase);
}

/** Rotations over the original context from which on frequencies are kept (`high`), below which divided (`low`). */
export function readLlama3(rope: JsonObject): Omit<Llama3, 'original'> {
  return { low: numberAt(rope, 'low_freq_factor') ?? 1, high: numberAt(rope, 'high_freq_factor') ?? 4 };
}

function llama3Divisors({ low, high, original }: Llama3, factor: number, width: number, base: number): Float64Array {
  return frequencies(width, base).map((frequency) => {
    const wavelength = (2 * Math.PI) / frequency;
    if (wavelength < original / high) return 1;
    if (wavelength > original / low) return factor;
    const smooth = (original / wavelength - low) / (high - low);
    return 1 / ((1 - smooth) / factor + smooth);
  });
}

/** Between the two betas a ramp from kept to divided (Peng et al. 2023, arXiv 2309.00071, eqs. 17–23). */
function yarnFrequencies(
  plain: Float64Array,
  { factor, original, betaFast, betaSlow, truncate }: Yarn,
  base: number,
): Float64Array {
  const width = 2 * plain.length;
  const pairOf = (rotations: number): number =>
    (width * Math.log(original / (rotations * 2 * Math.PI))) / (2 * Math.log(base));
  const [fast, slow] = [pairOf(betaFast), pairOf(betaSlow)];
  const low = Math.max(truncate ? Math.floor(fast) : fast, 0);
  const high = Math.min(truncate ? Math.ceil(slow) : slow, width - 1);
  // Equal ends make a step, which transformers draws one thousandth of a pair wide.
  const span = high === low ? 0.001 : high - low;
  return plain.map((frequency, i) => {
    const divided = Math.min(1, Math.max(0, (i - low) / span));
    return (frequency / factor) * divided + frequency * (1 - divided);
  });
}
