// A Llama of two layers and 284 weights, and its loss in plain float64 loops: small enough for exact Hessians.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import type { ScoredSequences } from '../../../core/evaluation/sequences.ts';
import type { Parts } from '../../../core/forward/blocks.ts';
import { Decoder } from '../../../core/forward/decoder.ts';
import type { Weight } from '../../../core/gradients/weight.ts';
import type { Pool } from '../../../core/kernels/pool.ts';
import { type FixtureTensor, writeSafetensors } from '../../fixtures/writeSafetensors.ts';
import { type DecoderShape, naiveLogits } from '../forward/straightforward.ts';

const [WIDTH, HEADS, KV, HEAD, FF, VOCABULARY] = [4, 2, 1, 2, 5, 6];

const SHAPE: DecoderShape = {
  layers: 2,
  width: WIDTH,
  heads: HEADS,
  keyValueHeads: KV,
  headWidth: HEAD,
  normEpsilon: 1e-5,
  frequencies: Float64Array.of(1),
  rotation: 'halves',
  headNorms: false,
  attentionBias: false,
};

const CONFIG = {
  architectures: ['LlamaForCausalLM'],
  hidden_size: WIDTH,
  intermediate_size: FF,
  num_hidden_layers: SHAPE.layers,
  num_attention_heads: HEADS,
  num_key_value_heads: KV,
  head_dim: HEAD,
  vocab_size: VOCABULARY,
  max_position_embeddings: 16,
  rms_norm_eps: SHAPE.normEpsilon,
  rope_theta: 100,
};

const LAYER: readonly [name: string, module: string, shape: number[]][] = [
  ['input_layernorm', 'attn_norm', [WIDTH]],
  ['self_attn.q_proj', 'q', [HEADS * HEAD, WIDTH]],
  ['self_attn.k_proj', 'k', [KV * HEAD, WIDTH]],
  ['self_attn.v_proj', 'v', [KV * HEAD, WIDTH]],
  ['self_attn.o_proj', 'o', [WIDTH, HEADS * HEAD]],
  ['post_attention_layernorm', 'ffn_norm', [WIDTH]],
  ['mlp.gate_proj', 'gate', [FF, WIDTH]],
  ['mlp.up_proj', 'up', [FF, WIDTH]],
  ['mlp.down_proj', 'down', [WIDTH, FF]],
];

export interface MicroModel {
  readonly parts: Parts;
  /** Own arrays: what is written into them changes `loss` and `logits`, not the model that runs. */
  values(weight: Pick<Weight, 'layer' | 'module'>): Float32Array;
  logits(sequence: Uint32Array): Float64Array[];
  /** Mean negative log likelihood of the rows that count, nats. */
  loss(scored: ScoredSequences): number;
}

export async function microModel(folder: string, pool: Pool): Promise<MicroModel> {
  const tensors: FixtureTensor[] = [];
  const byPlace = new Map<string, Float32Array>();
  const add = (name: string, place: string, shape: number[]): void => {
    const data = gridNumbers(shape, tensors.length);
    tensors.push({ name: `${name}.weight`, dtype: 'F32', shape, data });
    byPlace.set(place, data.slice());
  };
  add('model.embed_tokens', '/embed', [VOCABULARY, WIDTH]);
  for (let layer = 0; layer < SHAPE.layers; layer++)
    for (const [name, module, shape] of LAYER) add(`model.layers.${layer}.${name}`, `${layer}/${module}`, shape);
  add('model.norm', '/norm', [WIDTH]);
  add('lm_head', '/output', [VOCABULARY, WIDTH]);
  const path = join(folder, 'micro');
  mkdirSync(path, { recursive: true });
  writeSafetensors(join(path, 'model.safetensors'), tensors);
  writeFileSync(join(path, 'config.json'), JSON.stringify(CONFIG));
  const { parts } = await Decoder.open(await openCheckpoint(path), pool);
  const values = ({ layer, module }: Pick<Weight, 'layer' | 'module'>): Float32Array =>
    byPlace.get(`${layer ?? ''}/${module}`) ?? new Float32Array();
  const logits = (sequence: Uint32Array): Float64Array[] =>
    naiveLogits(SHAPE, (layer, module) => values({ layer, module }), [...sequence]);
  return {
    parts,
    values,
    logits,
    loss({ sequences, target }) {
      let [sum, count] = [0, 0];
      for (const [s, sequence] of sequences.entries())
        for (const [t, row] of logits(sequence).entries()) {
          const token = target(s * sequence.length + t);
          if (token === null) continue;
          sum -= logSoftmax(row)[token] ?? Number.NaN;
          count++;
        }
      return sum / count;
    },
  };
}

export function logSoftmax(row: Float64Array): Float64Array {
  const norm = Math.log(row.reduce((sum, value) => sum + Math.exp(value), 0));
  return row.map((value) => value - norm);
}

/** Multiples of 2⁻¹², so that steps of powers of two are exact in float32. Vectors (norms) are near 1. */
function gridNumbers(shape: readonly number[], seed: number): Float32Array {
  const count = shape.reduce((a, b) => a * b, 1);
  const [middle, spread] = shape.length === 1 ? [1, 0.3] : [0, 0.9];
  return Float32Array.from({ length: count }, (_, i) => {
    const share = ((seed * 31 + i + 1) * 0.6180339887498949) % 1;
    return Math.round((middle + spread * (2 * share - 1)) * 4096) / 4096;
  });
}
