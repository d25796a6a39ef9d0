// llama.cpp's standard mixes by their published rules: which type its quantizer gives every tensor of a model.
// Source: ggml-org/llama.cpp, src/llama-quant.cpp, `llama_tensor_get_type_impl` and `tensor_type_fallback`.

import type { TensorInfo } from '../checkpoint/checkpoint.ts';
import { matrixShape } from '../checkpoint/checkpoint.ts';
import type { Role } from '../model/places.ts';
import { type GgufTarget, isQuantizable, storedType } from '../quant/ggufTypes.ts';
import { dtypeInfo } from '../tensor/dtype.ts';
import type { MixFacts } from './mixFacts.ts';

/** Smallest first. The number is llama.h's `enum llama_ftype`; the type is `llama_ftype_get_default_type` of it. */
export const STANDARD_MIXES = {
  Q2_K: { fileType: 10, base: 'Q2_K' },
  Q3_K_S: { fileType: 11, base: 'Q3_K' },
  Q3_K_M: { fileType: 12, base: 'Q3_K' },
  Q3_K_L: { fileType: 13, base: 'Q3_K' },
  IQ4_XS: { fileType: 30, base: 'IQ4_XS' },
  Q4_0: { fileType: 2, base: 'Q4_0' },
  IQ4_NL: { fileType: 25, base: 'IQ4_NL' },
  Q4_K_S: { fileType: 14, base: 'Q4_K' },
  Q4_K_M: { fileType: 15, base: 'Q4_K' },
  Q4_1: { fileType: 3, base: 'Q4_1' },
  Q5_0: { fileType: 8, base: 'Q5_0' },
  Q5_K_S: { fileType: 16, base: 'Q5_K' },
  Q5_K_M: { fileType: 17, base: 'Q5_K' },
  Q5_1: { fileType: 9, base: 'Q5_1' },
  Q6_K: { fileType: 18, base: 'Q6_K' },
  Q8_0: { fileType: 7, base: 'Q8_0' },
} as const satisfies Readonly<Record<string, { fileType: number; base: GgufTarget }>>;

export type StandardMix = keyof typeof STANDARD_MIXES;

export const STANDARD_MIX_NAMES = Object.keys(STANDARD_MIXES) as readonly StandardMix[];

export type MixTensor = Pick<TensorInfo, 'name' | 'role' | 'layer' | 'shape' | 'elements' | 'dtype'>;

/** `tensor_category` of llama-quant.cpp; what is in none of these keeps the mix's own type. */
type Category = 'output' | 'embedding' | 'values' | 'keys' | 'attentionOutput' | 'down' | 'other';

/** Where a tensor stands among those of its category, in llama.cpp's order: by layer. */
interface Place {
  readonly at: number;
  readonly of: number;
}

/**
 * What `llama-quantize` without overrides stores each quantizable tensor in, in the tensors' order.
 *
 * @param imatrix whether it was given an importance matrix: some mixes then save bits on the first layers
 */
export function mixTypes(
  mix: StandardMix,
  tensors: readonly MixTensor[],
  facts: MixFacts,
  imatrix = false,
): GgufTarget[] {
  const planned = tensors.filter(isQuantizable);
  const categories = planned.map(({ role }) => categoryOf(role));
  const tied = !categories.includes('output');
  const values = counters(planned, categories, 'values');
  const downs = counters(planned, categories, 'down');
  return planned.map((tensor, i) => {
    const { columns } = matrixShape(tensor);
    const category = categories[i] ?? 'other';
    const wanted =
      category === 'output' || (tied && category === 'embedding')
        ? outputType(mix, columns, facts)
        : inLayer(mix, category, facts, imatrix, {
            values: { at: values.get(i) ?? 0, of: values.size },
            down: { at: facts.experts > 1 ? (tensor.layer ?? 0) : (downs.get(i) ?? 0), of: facts.layers },
          });
    return storedType(wanted, columns);
  });
}

function categoryOf(role: Role): Category {
  switch (role) {
    case 'output':
      return 'output';
    case 'embedding':
      return 'embedding';
    case 'attention.v':
    case 'attention.qkv':
      return 'values';
    case 'attention.k':
      return 'keys';
    case 'attention.output':
      return 'attentionOutput';
    case 'mlp.down':
    case 'expert.down':
      return 'down';
    default:
      return 'other';
  }
}

/** Place of each tensor of a category among them, layers in order whatever the file's order. */
function counters(
  tensors: readonly MixTensor[],
  categories: readonly Category[],
  category: Category,
): ReadonlyMap<number, number> {
  const own = tensors.flatMap(({ layer }, i) => (categories[i] === category ? [{ i, layer: layer ?? -1 }] : []));
  own.sort((a, b) => a.layer - b.layer || a.i - b.i);
  return new Map(own.map(({ i }, at) => [i, at]));
}

/** The head is never below Q6_K; where its rows do not fit the mix's own type it is Q8_0. */
function outputType(mix: StandardMix, columns: number, { architecture }: MixFacts): GgufTarget {
  const { base } = STANDARD_MIXES[mix];
  if (architecture === 'falcon' || columns % dtypeInfo(base).blockElements !== 0) return 'Q8_0';
  return base === 'Q8_0' ? 'Q8_0' : 'Q6_K';
}

function inLayer(
  mix: StandardMix,
  category: Category,
  facts: MixFacts,
  imatrix: boolean,
  place: { readonly values: Place; readonly down: Place },
): GgufTarget {
  const { base } = STANDARD_MIXES[mix];
  const { experts, architecture } = facts;
  const falcon = architecture === 'falcon';
  switch (category) {
    case 'values':
      return valuesType(mix, facts, place.values);
    case 'keys':
      return experts === 8 ? 'Q8_0' : base;
    case 'down':
      return falcon ? falconDown(mix, imatrix, place.down) : downType(mix, imatrix, place.down);
    case 'attentionOutput':
      if (falcon) return mix === 'Q3_K_L' ? 'Q4_K' : base;
      return experts === 8 ? eightExpertsOutput(mix) : attentionOutputType(mix);
    default:
      return base;
  }
}

function valuesType(mix: StandardMix, { queriesPerKey, experts, is70B }: MixFacts, place: Place): GgufTarget {
  if (experts === 8) return 'Q8_0';
  const type = valuesAlone(mix, queriesPerKey, place);
  return is70B && (type === 'Q3_K' || type === 'Q4_K') ? 'Q5_K' : type;
}

function valuesAlone(mix: StandardMix, queriesPerKey: number, place: Place): GgufTarget {
  const { base } = STANDARD_MIXES[mix];
  switch (mix) {
    case 'Q2_K':
      return queriesPerKey >= 4 ? 'Q4_K' : 'Q3_K';
    case 'Q3_K_M':
      return place.at < 2 ? 'Q5_K' : 'Q4_K';
    case 'Q3_K_L':
      return 'Q5_K';
    case 'IQ4_NL':
    case 'IQ4_XS':
      return queriesPerKey >= 4 ? 'Q5_K' : base;
    case 'Q4_K_M':
    case 'Q5_K_M':
      return getsMoreBits(place) ? 'Q6_K' : base;
    case 'Q4_K_S':
      return place.at < 4 ? 'Q5_K' : base;
    default:
      return base;
  }
}

function downType(mix: StandardMix, imatrix: boolean, place: Place): GgufTarget {
  const { base } = STANDARD_MIXES[mix];
  switch (mix) {
    case 'Q2_K':
      return 'Q3_K';
    case 'Q3_K_M':
      return isFirst(place, 16) ? 'Q5_K' : 'Q4_K';
    case 'Q3_K_L':
      return 'Q5_K';
    case 'Q4_K_M':
    case 'Q5_K_M':
      return getsMoreBits(place) ? 'Q6_K' : base;
    case 'Q4_K_S':
      return isFirst(place, 8) ? 'Q5_K' : base;
    default:
      return firstDown(mix, imatrix, place);
  }
}

/** Falcon's multi-query attention is small, so its down projections get fewer bits. */
function falconDown(mix: StandardMix, imatrix: boolean, place: Place): GgufTarget {
  const { base } = STANDARD_MIXES[mix];
  switch (mix) {
    case 'Q2_K':
      return 'Q3_K';
    case 'Q3_K_M':
      return isFirst(place, 16) ? 'Q5_K' : getsMoreBits(place) ? 'Q4_K' : 'Q3_K';
    case 'Q3_K_L':
      return 'Q4_K';
    case 'Q4_K_M':
      return isFirst(place, 16) ? 'Q6_K' : getsMoreBits(place) ? 'Q5_K' : 'Q4_K';
    case 'Q5_K_M':
      return getsMoreBits(place) ? 'Q6_K' : base;
    default:
      return firstDown(mix, imatrix, place);
  }
}

/** The first eighth of the down projections, which an importance matrix protects where it is given, or endangers. */
function firstDown(mix: StandardMix, imatrix: boolean, place: Place): GgufTarget {
  const { base } = STANDARD_MIXES[mix];
  if (!isFirst(place, 8)) return base;
  if (mix === 'IQ4_NL' || mix === 'IQ4_XS') return imatrix ? base : 'Q5_K';
  if (imatrix && mix === 'Q4_0') return 'Q4_1';
  return imatrix && mix === 'Q5_0' ? 'Q5_1' : base;
}

function attentionOutputType(mix: StandardMix): GgufTarget {
  if (mix === 'Q2_K') return 'Q3_K';
  if (mix === 'Q3_K_M') return 'Q4_K';
  return mix === 'Q3_K_L' ? 'Q5_K' : STANDARD_MIXES[mix].base;
}

/** Attention is a small part of Mixtral 8x7B, so its output gets more bits. */
function eightExpertsOutput(mix: StandardMix): GgufTarget {
  const raised: readonly StandardMix[] = ['Q2_K', 'Q3_K_S', 'Q3_K_M', 'IQ4_NL', 'Q4_K_S', 'Q4_K_M', 'IQ4_XS'];
  return raised.includes(mix) ? 'Q5_K' : STANDARD_MIXES[mix].base;
}

function isFirst({ at, of }: Place, share: number): boolean {
  return at < Math.floor(of / share);
}

/** The first and the last eighth, and every third between. */
function getsMoreBits({ at, of }: Place): boolean {
  const eighth = Math.floor(of / 8);
  return at < eighth || at >= Math.floor((7 * of) / 8) || (at - eighth) % 3 === 2;
}
