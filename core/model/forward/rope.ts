// Rotary positions: frequencies as a model was trained with them, their cosines and sines, and the rotation as a graph.

import { QuantscopeError } from '../../base/errors.ts';
import { type JsonObject, numberAt, shown, textAt } from '../../base/jsonObject.ts';
import type { Value } from '../graph/graphBuilder.ts';
import type { ModelConfig } from '../modelConfig.ts';
import type { BlockBuilder } from './blockBuilder.ts';
import type { Constant, ModelHeaders } from './family.ts';
import type { Settings } from './settings.ts';

export interface Rope {
  /** Elements of a head that rotate, from the first on; even. */
  readonly width: number;
  /** θ of 1 / θ^(2i / width). */
  readonly base: number;
  /** `rope_scaling` in the terms of config.json. */
  readonly scaling: JsonObject | null;
  /** Divisors stored in a GGUF file, one per pair. */
  readonly divisors: Float32Array | null;
  /** Which elements rotate together: i and i + width/2 (`halves`), or 2i and 2i + 1 (`pairs`, llama.cpp's order). */
  readonly order: 'halves' | 'pairs';
}

/** @throws HEADER_INVALID for widths that do not pair */
export function readRope(settings: Settings, headers: ModelHeaders, headWidth: number): Rope {
  // transformers ≥ 5 moved rope_theta and rope_scaling into rope_parameters
  const scaling = settings.fromGguf
    ? ggufScaling(settings)
    : (settings.object('rope_parameters') ?? settings.object('rope_scaling'));
  const width = settings.optionalCount('', 'rope.dimension_count') ?? headWidth;
  if (width % 2 !== 0 || width > headWidth)
    settings.refuse(`${width} of ${headWidth} elements of a head cannot rotate`);
  return {
    width,
    base: settings.number('rope_theta', 'rope.freq_base') ?? (scaling && numberAt(scaling, 'rope_theta')) ?? 10_000,
    scaling,
    divisors: headers.divisors('rope_freqs'),
    order: 'halves',
  };
}

function ggufScaling(settings: Settings): JsonObject | null {
  const type = settings.text('', 'rope.scaling.type');
  if (type === null || type === 'none') return null;
  return { rope_type: type, factor: settings.number('', 'rope.scaling.factor') };
}

/**
 * Radians per position of each rotated pair (transformers `modeling_rope_utils`: default, linear, llama3).
 * @throws UNSUPPORTED_ARCHITECTURE for other scalings
 */
function frequencies({ width, base, scaling, divisors }: Rope): Float64Array {
  const plain = Float64Array.from(
    { length: width / 2 },
    (_, i) => 1 / base ** ((2 * i) / width) / (divisors?.[i] ?? 1),
  );
  const type = scaling === null ? 'default' : (textAt(scaling, 'rope_type') ?? textAt(scaling, 'type') ?? 'default');
  // Dynamic scaling acts beyond the trained context only.
  if (scaling === null || type === 'default' || type === 'dynamic') return plain;
  const factor = numberAt(scaling, 'factor') ?? 1;
  if (type === 'linear') return plain.map((frequency) => frequency / factor);
  if (type !== 'llama3')
    throw new QuantscopeError(
      'UNSUPPORTED_ARCHITECTURE',
      `config.json: rope scaling ${shown(type)} cannot be run; default, linear, dynamic and llama3 can`,
    );
  const factors = llama3Factors({ rope: scaling, headDimension: width, ropeBase: base }, factor);
  return plain.map((frequency, i) => frequency / (factors[i] ?? 1));
}

/**
 * Divisor of each frequency in Llama 3.1's scaling: frequencies above `high` are kept, below `low` divided by `factor`,
 * between blended (transformers modeling_rope_utils `_compute_llama3_parameters`).
 */
export function llama3Factors(
  { rope, headDimension, ropeBase }: Pick<ModelConfig, 'rope' | 'headDimension' | 'ropeBase'>,
  factor: number,
): Float64Array {
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
export function rotaryTables(rope: Rope, tokens: number): { cos: Constant; sin: Constant } {
  const radians = frequencies(rope);
  const pairs = radians.length;
  const cos = new Float32Array(tokens * pairs);
  const sin = new Float32Array(tokens * pairs);
  for (let position = 0; position < tokens; position++)
    for (let pair = 0; pair < pairs; pair++) {
      const angle = position * (radians[pair] ?? 0);
      cos[position * pairs + pair] = Math.cos(angle);
      sin[position * pairs + pair] = Math.sin(angle);
    }
  const dimensions = [tokens, pairs];
  return { cos: { values: cos, dimensions }, sin: { values: sin, dimensions } };
}

/**
 * Rotary positions (Su et al. 2021, arXiv 2104.09864, eq. 34) of [sequences, n, tokens, headWidth], with the tables as
 * constants `cos` and `sin` of the block. @returns what rotates a value of n heads
 */
export function rotation(builder: BlockBuilder, rope: Rope, headWidth: number): (x: Value, n: number) => Value {
  const { graph, batch } = builder;
  const pairs = rope.width / 2;
  const cos = builder.constant('cos', [batch.tokens, pairs]);
  const sin = builder.constant('sin', [batch.tokens, pairs]);
  const times = (x: Value, y: Value): Value => graph.op('Mul', [x, y]);
  const turned = ([a, b]: readonly Value[]): [Value, Value] => {
    if (a === undefined || b === undefined) throw new RangeError('pairs rotate');
    return [graph.op('Sub', [times(a, cos), times(b, sin)]), graph.op('Add', [times(b, cos), times(a, sin)])];
  };
  return (x, n) => {
    const rest = headWidth - rope.width;
    const [moving = x, ...still] = rest === 0 ? [x] : graph.split(x, -1, [rope.width, rest]);
    if (rope.order === 'halves')
      return graph.op('Concat', [...turned(graph.split(moving, -1, [pairs, pairs])), ...still], { axis: -1 });
    const lead = [batch.sequences, n, batch.tokens];
    const last = graph.integers([-1]);
    const paired = graph.split(graph.op('Reshape', [moving, graph.integers([...lead, pairs, 2])]), -1, [1, 1]);
    const both = turned(paired.map((part) => graph.op('Squeeze', [part, last])));
    const joined = graph.op(
      'Concat',
      both.map((part) => graph.op('Unsqueeze', [part, last])),
      { axis: -1 },
    );
    const flat = graph.op('Reshape', [joined, graph.integers([...lead, rope.width])]);
    return rest === 0 ? flat : graph.op('Concat', [flat, ...still], { axis: -1 });
  };
}
