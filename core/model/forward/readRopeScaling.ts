// Rotary scaling from config.json, or from a GGUF file's key-values and tensors, checked.

import { arrayAt, type JsonObject, shown } from '../../base/jsonObject.ts';
import type { ModelHeaders } from './family.ts';
import { type RopeScaling, readLlama3 } from './ropeScaling.ts';
import type { Settings } from './settings.ts';

/** @param rope `rope_parameters` or `rope_scaling`. @throws HEADER_INVALID, UNSUPPORTED_ARCHITECTURE */
export function readRopeScaling(settings: Settings, rope: JsonObject | null, pairs: number): RopeScaling {
  const type = typeOf(settings, rope);
  if (rope === null || type === 'default') return { type: 'none' };
  const context = settings.count('max_position_embeddings', 'context_length');
  const original = positive(
    settings,
    settings.number('original_max_position_embeddings', '') ??
      settings.numberIn(rope, 'original_max_position_embeddings') ??
      context,
    'original_max_position_embeddings is',
  );
  const factor = positive(
    settings,
    settings.numberIn(rope, 'factor') ?? context / original,
    `rope scaling ${type} has the factor`,
  );
  switch (type) {
    case 'linear':
      return { type, factor };
    case 'dynamic':
      return { type, factor, context };
    case 'llama3':
      return { type, factor, ...readLlama3(rope), original };
    case 'yarn':
      return {
        type,
        factor,
        original,
        betaFast: settings.numberIn(rope, 'beta_fast') || 32,
        betaSlow: settings.numberIn(rope, 'beta_slow') || 1,
        truncate: rope.truncate !== false,
        magnitude: settings.numberIn(rope, 'attention_factor') ?? yarnMagnitude(settings, rope, factor),
      };
    case 'longrope':
      return {
        type,
        short: divisors(settings, rope, 'short_factor', pairs),
        long: divisors(settings, rope, 'long_factor', pairs),
        original,
        magnitude: settings.numberIn(rope, 'attention_factor') ?? longRopeMagnitude(factor, original),
      };
    default:
      return settings.unsupported(
        `rope scaling ${shown(type)} cannot be run; default, linear, dynamic, llama3, yarn and longrope can`,
      );
  }
}

/** Phi 3's first files called LongRoPE "su" or "yarn". */
function typeOf(settings: Settings, rope: JsonObject | null): string {
  if (rope === null) return 'default';
  const written = rope.rope_type ?? rope.type ?? 'default';
  const type =
    typeof written === 'string' ? written : settings.refuse(`rope_type is ${shown(written)}, a text is needed`);
  return type === 'su' || (type === 'yarn' && 'short_factor' in rope) ? 'longrope' : type;
}

/** GGUF keys `rope.scaling.…`, and the tensors rope_freqs, rope_factors_short and rope_factors_long. */
export function readGgufScaling(settings: Settings, headers: ModelHeaders, pairs: number): RopeScaling {
  const original =
    settings.optionalCount('', 'rope.scaling.original_context_length') ?? settings.count('', 'context_length');
  const magnitude = settings.number('', 'rope.scaling.attn_factor') ?? 1;
  const stored = (module: string): Float32Array | null => {
    const found = headers.divisors(module);
    if (found !== null && found.length !== pairs)
      settings.refuse(`${module} has ${found.length} numbers, ${pairs} pairs rotate`);
    return found;
  };
  const whole = stored('rope_freqs');
  const [short, long] = [stored('rope_factors_short') ?? whole, stored('rope_factors_long') ?? whole];
  if (short !== null && long !== null) return { type: 'longrope', short, long, original, magnitude };
  const type = settings.text('', 'rope.scaling.type');
  if (type === null || type === 'none' || type === 'longrope') return { type: 'none' };
  const factor = settings.number('', 'rope.scaling.factor');
  const scaling = readRopeScaling(
    settings,
    { rope_type: type, factor, original_max_position_embeddings: original },
    pairs,
  );
  return scaling.type === 'yarn' ? { ...scaling, magnitude: scaling.magnitude * magnitude } : scaling;
}

/** 0.1 · ln(factor) + 1 (Peng et al. 2023, arXiv 2309.00071, eq. 22), or the quotient of two that DeepSeek's configurations name. */
function yarnMagnitude(settings: Settings, rope: JsonObject, factor: number): number {
  const one = (scale: number): number => (factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1);
  const [scale, scaleAll] = [settings.numberIn(rope, 'mscale'), settings.numberIn(rope, 'mscale_all_dim')];
  return scale && scaleAll ? one(scale) / one(scaleAll) : one(1);
}

/** √(1 + ln(factor) / ln(original)) (Ding et al. 2024, arXiv 2402.13753; transformers `_compute_longrope_parameters`). */
function longRopeMagnitude(factor: number, original: number): number {
  return factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original));
}

function divisors(settings: Settings, rope: JsonObject, key: string, pairs: number): number[] {
  const values = arrayAt(rope, key);
  if (values.length !== pairs) settings.refuse(`${key} has ${values.length} numbers, ${pairs} pairs rotate`);
  return values.map((value) => positive(settings, value, `${key} holds`));
}

function positive(settings: Settings, value: unknown, sentence: string): number {
  if (typeof value === 'number' && value > 0 && Number.isFinite(value)) return value;
  return settings.refuse(`${sentence} ${shown(value)}, a positive number is needed`);
}
