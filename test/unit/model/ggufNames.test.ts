// Both spellings of tensor names: one table, read in both directions.

import { describe, expect, test } from 'vitest';
import { FAMILIES } from '../../../core/model/families.ts';
import { ggufName, hfName } from '../../../core/model/ggufNames.ts';
import { placeTensors } from '../../../core/model/placeTensors.ts';

const LLAMA: readonly (readonly [string, string])[] = [
  ['model.embed_tokens.weight', 'token_embd.weight'],
  ['model.norm.weight', 'output_norm.weight'],
  ['lm_head.weight', 'output.weight'],
  ['model.layers.17.self_attn.q_proj.weight', 'blk.17.attn_q.weight'],
  ['model.layers.17.self_attn.k_proj.weight', 'blk.17.attn_k.weight'],
  ['model.layers.17.self_attn.v_proj.weight', 'blk.17.attn_v.weight'],
  ['model.layers.17.self_attn.o_proj.weight', 'blk.17.attn_output.weight'],
  ['model.layers.17.mlp.gate_proj.weight', 'blk.17.ffn_gate.weight'],
  ['model.layers.17.mlp.up_proj.weight', 'blk.17.ffn_up.weight'],
  ['model.layers.17.mlp.down_proj.weight', 'blk.17.ffn_down.weight'],
  ['model.layers.17.input_layernorm.weight', 'blk.17.attn_norm.weight'],
  ['model.layers.17.post_attention_layernorm.weight', 'blk.17.ffn_norm.weight'],
];

const CASES: readonly (readonly [architecture: string, hf: string, gguf: string])[] = [
  ...['llama', 'mistral', 'qwen2', 'qwen3', 'gemma'].flatMap((family) =>
    LLAMA.map(([hf, gguf]) => [family, hf, gguf] as const),
  ),
  ['qwen2', 'model.layers.0.self_attn.q_proj.bias', 'blk.0.attn_q.bias'],
  ['qwen3', 'model.layers.0.self_attn.q_norm.weight', 'blk.0.attn_q_norm.weight'],
  ['qwen2_moe', 'model.layers.0.mlp.shared_expert.up_proj.weight', 'blk.0.ffn_up_shexp.weight'],
  ['qwen3_moe', 'model.layers.0.mlp.gate.weight', 'blk.0.ffn_gate_inp.weight'],
  ['gemma2', 'model.layers.0.post_attention_layernorm.weight', 'blk.0.post_attention_norm.weight'],
  ['gemma2', 'model.layers.0.pre_feedforward_layernorm.weight', 'blk.0.ffn_norm.weight'],
  ['gemma3_text', 'model.layers.0.post_feedforward_layernorm.weight', 'blk.0.post_ffw_norm.weight'],
  ['phi3', 'model.layers.0.self_attn.qkv_proj.weight', 'blk.0.attn_qkv.weight'],
  ['phi3', 'model.layers.0.mlp.gate_up_proj.weight', 'blk.0.ffn_up.weight'],
  ['gpt2', 'transformer.h.0.attn.c_attn.weight', 'blk.0.attn_qkv.weight'],
  ['gpt_neox', 'gpt_neox.layers.0.mlp.dense_4h_to_h.bias', 'blk.0.ffn_down.bias'],
  ['bert', 'encoder.layer.0.attention.output.LayerNorm.bias', 'blk.0.attn_output_norm.bias'],
  ['mixtral', 'model.layers.0.block_sparse_moe.gate.weight', 'blk.0.ffn_gate_inp.weight'],
];

describe('ggufName and hfName', () => {
  test.each(CASES)('%s: %s ↔ %s', (architecture, hf, gguf) => {
    expect(ggufName(hf, architecture)).toBe(gguf);
    expect(hfName(gguf, architecture)).toBe(hf);
  });

  test('a bare encoder and one inside a model have the same names', () => {
    const bare = 'encoder.layer.3.intermediate.dense.weight';
    expect(ggufName(`bert.${bare}`, 'bert')).toBe('blk.3.ffn_up.weight');
  });

  test('what has no counterpart is null', () => {
    expect(ggufName('model.layers.0.self_attn.q_norm.weight', 'llama')).toBeNull();
    expect(ggufName('model.layers.0.self_attn.rotary_emb.inv_freq', 'llama')).toBeNull();
    expect(ggufName('model.layers.N.self_attn.q_proj.weight', 'llama')).toBeNull();
    expect(ggufName('model.layers.0.embed_tokens.weight', 'llama')).toBeNull();
    expect(ggufName('model.layers.0.self_attn.q_proj.weight', 'mamba')).toBeNull();
    expect(ggufName('model.layers.0.self_attn.q_proj.weight', null)).toBeNull();
    expect(hfName('blk.0.ffn_gate_exps.weight', 'mixtral')).toBeNull();
    expect(hfName('rope_freqs.weight', 'llama')).toBeNull();
  });

  test('both spellings land on the same place', () => {
    const places = (
      names: readonly string[],
      ggufArchitecture: string | null,
      config: { model_type: string } | null,
    ) => {
      const { placeOf } = placeTensors(names, () => 2, { config, ggufArchitecture });
      return names.map((_, index) => {
        const { role, layer, module } = placeOf(index);
        return { role, layer, module };
      });
    };
    const compared = new Set<string>();
    for (const family of FAMILIES) {
      const pairs = CASES.filter(([architecture]) => architecture === family);
      const hf = pairs.map(([, name]) => name);
      const gguf = pairs.map(([, , name]) => name);
      expect(places(hf, null, { model_type: family })).toEqual(places(gguf, family, null));
      if (pairs.length > 0) compared.add(family);
    }
    expect(compared.size).toBeGreaterThan(8);
  });
});
