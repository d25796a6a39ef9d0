// Rotary positions: which elements of a head rotate and how fast, their cosines and sines, and the rotation as a graph.

import type { JsonObject } from '../../base/jsonObject.ts';
import type { Value } from '../graph/graphBuilder.ts';
import type { BlockBuilder } from './blockBuilder.ts';
import type { Constant, ModelHeaders } from './family.ts';
import { readGgufScaling, readRopeScaling } from './readRopeScaling.ts';
import { type RopeScaling, scaledFrequencies } from './ropeScaling.ts';
import type { Settings } from './settings.ts';

export interface Rope {
  /** Elements of a head that rotate, from the first on; even. */
  readonly width: number;
  /** θ of 1 / θ^(2i / width). */
  readonly base: number;
  readonly scaling: RopeScaling;
  /** Which elements rotate together: i and i + width/2 (`halves`), or 2i and 2i + 1 (`pairs`, llama.cpp's order). */
  readonly order: 'halves' | 'pairs';
}

/** What a family has of its own. */
export interface RopeHabits {
  /** In place of config.json's `rope_parameters` or `rope_scaling`. */
  readonly parameters?: JsonObject | null;
  /** Key of config.json, and the value where it says nothing. */
  readonly base?: string;
  readonly usualBase?: number;
  /** Share of a head that rotates. */
  readonly share?: string;
  readonly usualShare?: number;
}

/** @throws HEADER_INVALID for widths that do not pair, UNSUPPORTED_ARCHITECTURE for unknown scalings */
export function readRope(settings: Settings, headers: ModelHeaders, headWidth: number, habits: RopeHabits = {}): Rope {
  // transformers ≥ 5 moved all rotary settings into rope_parameters
  const rope = habits.parameters ?? settings.object('rope_parameters') ?? settings.object('rope_scaling');
  const { base = 'rope_theta', usualBase = 10_000, share = 'partial_rotary_factor', usualShare = 1 } = habits;
  const inRope = (key: string): number | null => rope && settings.numberIn(rope, key);
  const part = inRope('partial_rotary_factor') ?? settings.number(share, '') ?? usualShare;
  const width = settings.optionalCount('', 'rope.dimension_count') ?? Math.trunc(headWidth * part);
  const pairs = pairsOf(settings, width, headWidth);
  const radix = inRope('rope_theta') ?? settings.number(base, 'rope.freq_base') ?? usualBase;
  const scaling = settings.fromGguf
    ? readGgufScaling(settings, headers, pairs)
    : readRopeScaling(settings, rope, pairs);
  const { radians, magnitude } = scaledFrequencies(scaling, width, radix, 1);
  if (!(radix > 0) || ![...radians, magnitude].every(Number.isFinite))
    settings.refuse(`rotary frequencies of the base ${radix} and the scaling ${scaling.type} are not finite`);
  return { width, base: radix, scaling, order: 'halves' };
}

function pairsOf(settings: Settings, width: number, headWidth: number): number {
  if (width > 0 && width % 2 === 0 && width <= headWidth) return width / 2;
  return settings.refuse(`${width} of ${headWidth} elements of a head cannot rotate`);
}

/** cos and sin of position × frequency, [tokens, pairs] each. */
export function rotaryTables({ scaling, width, base }: Rope, tokens: number): { cos: Constant; sin: Constant } {
  const { radians, magnitude } = scaledFrequencies(scaling, width, base, tokens);
  const pairs = radians.length;
  const cos = new Float32Array(tokens * pairs);
  const sin = new Float32Array(tokens * pairs);
  for (let position = 0; position < tokens; position++)
    for (let pair = 0; pair < pairs; pair++) {
      const angle = position * (radians[pair] ?? 0);
      cos[position * pairs + pair] = magnitude * Math.cos(angle);
      sin[position * pairs + pair] = magnitude * Math.sin(angle);
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
  const turned = (a: Value, b: Value): [Value, Value] => [
    graph.op('Sub', [times(a, cos), times(b, sin)]),
    graph.op('Add', [times(b, cos), times(a, sin)]),
  ];
  return (x, n) => {
    const rest = headWidth - rope.width;
    const [moving = x, ...still] = rest === 0 ? [x] : graph.split(x, -1, [rope.width, rest]);
    if (rope.order === 'halves')
      return graph.op('Concat', [...turned(...graph.split(moving, -1, [pairs, pairs])), ...still], { axis: -1 });
    const lead = [batch.sequences, n, batch.tokens];
    const last = graph.integers([-1]);
    const squeezed = (part: Value): Value => graph.op('Squeeze', [part, last]);
    const [a, b] = graph.split(graph.op('Reshape', [moving, graph.integers([...lead, pairs, 2])]), -1, [1, 1]);
    const both = turned(squeezed(a), squeezed(b));
    const joined = graph.op(
      'Concat',
      both.map((part) => graph.op('Unsqueeze', [part, last])),
      { axis: -1 },
    );
    const flat = graph.op('Reshape', [joined, graph.integers([...lead, rope.width])]);
    return rest === 0 ? flat : graph.op('Concat', [flat, ...still], { axis: -1 });
  };
}
