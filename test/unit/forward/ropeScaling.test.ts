// Stretched rotary frequencies as transformers 5.23 computes them (modeling_rope_utils, heads of 16, base 10000).

import { expect, test } from 'vitest';
import type { ModelHeaders } from '../../../core/model/forward/family.ts';
import { readGgufScaling, readRopeScaling } from '../../../core/model/forward/readRopeScaling.ts';
import { scaledFrequencies } from '../../../core/model/forward/ropeScaling.ts';
import { Settings } from '../../../core/model/forward/settings.ts';

const PAIRS = 8;
/** transformers computes powers in float32: some units of 2⁻²⁴, and seven digits are written here. */
const TOLERANCE = 1e-6;

function headers(config: object | null, gguf: Record<string, unknown> | null = null): ModelHeaders {
  const divisors: Record<string, Float32Array> = {
    rope_factors_short: new Float32Array(PAIRS).fill(2),
    rope_factors_long: new Float32Array(PAIRS).fill(4),
  };
  return {
    name: 'tiny',
    config: config as ModelHeaders['config'],
    gguf: gguf === null ? null : (key) => gguf[key],
    vocabulary: null,
    unplaced: [],
    has: () => false,
    divisors: (module) => (gguf?.divisors === true ? (divisors[module] ?? null) : null),
  };
}

const plain = Array.from({ length: PAIRS }, (_, i) => 10_000 ** (-i / PAIRS));

test.each([
  [
    'YaRN, all but the first divided',
    { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 32 },
    [128, 24],
    [1, 0.1976424, 0.025, 0.007905695, 0.0025, 0.0007905695, 0.00025, 0.00007905695],
    1.138629436111989,
  ],
  [
    'YaRN, other betas',
    { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 1024, beta_fast: 16, beta_slow: 2 },
    [4096, 24],
    [1, 0.3162278, 0.1, 0.01976424, 0.0025, 0.0007905695, 0.00025, 0.00007905695],
    1.138629436111989,
  ],
  [
    'YaRN, ends between pairs, quotient of magnitudes',
    {
      type: 'yarn',
      factor: 4,
      original_max_position_embeddings: 1024,
      truncate: false,
      mscale: 1,
      mscale_all_dim: 0.5,
    },
    [4096, 24],
    [1, 0.3162278, 0.08539864, 0.01912678, 0.003556971, 0.0007905695, 0.00025, 0.00007905695],
    1.0648216253695715,
  ],
  [
    'YaRN, given magnitude',
    { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 1024, attention_factor: 1.25 },
    [4096, 24],
    [1, 0.3162278, 0.08125, 0.01976424, 0.004375, 0.0007905695, 0.00025, 0.00007905695],
    1.25,
  ],
  [
    'dynamic, beyond the context',
    { rope_type: 'dynamic', factor: 2 },
    [64, 100],
    [1, 0.2839451, 0.08062484, 0.02289303, 0.006500365, 0.001845747, 0.0005240909, 0.0001488131],
    1,
  ],
  ['dynamic, within the context', { rope_type: 'dynamic', factor: 2 }, [64, 64], plain, 1],
  [
    'Llama 3',
    {
      rope_type: 'llama3',
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 32,
    },
    [128, 24],
    [1, 0.09583998, 0.0125, 0.003952847, 0.00125, 0.0003952847, 0.000125, 0.00003952847],
    1,
  ],
] as const)('%s', (_name, rope, [context, tokens], expected, magnitude) => {
  const settings = new Settings(headers({ max_position_embeddings: context }), 'llama');
  const found = scaledFrequencies(readRopeScaling(settings, rope, PAIRS), 2 * PAIRS, 10_000, tokens);
  expect(found.magnitude).toBeCloseTo(magnitude, 12);
  expect(found.radians).toHaveLength(PAIRS);
  expected.forEach((value, i) => {
    expect(Math.abs((found.radians[i] ?? Number.NaN) / value - 1)).toBeLessThan(TOLERANCE);
  });
});

test('GGUF: YaRN by its keys, LongRoPE by its tensors', () => {
  const keys = {
    'llama.context_length': 128,
    'llama.rope.scaling.type': 'yarn',
    'llama.rope.scaling.factor': 4,
    'llama.rope.scaling.original_context_length': 32,
  };
  const read = (values: Record<string, unknown>, tokens: number) => {
    const own = headers(null, values);
    const scaling = readGgufScaling(new Settings(own, 'llama'), own, PAIRS);
    return scaledFrequencies(scaling, 2 * PAIRS, 10_000, tokens);
  };
  const yarn = read(keys, 24);
  expect(yarn.radians[1]).toBeCloseTo(0.1976424, 7);
  expect(yarn.magnitude).toBeCloseTo(1.138629436111989, 12);
  const long = { ...keys, divisors: true, 'llama.rope.scaling.attn_factor': 1.5 };
  expect(read(long, 32)).toMatchObject({ magnitude: 1.5, radians: Float64Array.from(plain, (x) => x / 2) });
  expect(read(long, 33)).toMatchObject({ magnitude: 1.5, radians: Float64Array.from(plain, (x) => x / 4) });
});

test('GGUF: divisors of other heads', () => {
  const own = headers(null, { 'llama.context_length': 128, divisors: true });
  expect(() => readGgufScaling(new Settings(own, 'llama'), own, PAIRS / 2)).toThrow(
    expect.objectContaining({ code: 'HEADER_INVALID', message: expect.stringContaining('8 numbers, 4 pairs') }),
  );
});
