// Names → stack, layer, column, role, for families with tables and for names nobody has seen.

import { describe, expect, test } from 'vitest';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { type PlacementHints, placeTensors } from '../../../core/model/placeTensors.ts';
import { sharedData } from '../../fixtures/sharedData.ts';

const NONE: PlacementHints = { config: null, ggufArchitecture: null };

function place(name: string, rank = 2) {
  const { role, layer, stack, module } = placeTensors([name], () => rank, NONE).placeOf(0);
  return [stack, layer, module, role];
}

describe('known names', () => {
  test.each([
    ['model.layers.3.self_attn.q_proj.weight', 'model.layers', 3, 'q', 'attention.q'],
    ['language_model.model.layers.3.mlp.down_proj.weight', 'language_model.model.layers', 3, 'down', 'mlp.down'],
    ['blk.12.ffn_gate_exps.weight', 'blk', 12, 'expert_gate', 'expert.gate'],
    ['blk.12.ffn_gate_inp.weight', 'blk', 12, 'router', 'router'],
    ['blk.12.ffn_up.3.weight', 'blk', 12, 'expert_up', 'expert.up'],
    ['model.layers.0.block_sparse_moe.experts.7.w2.weight', 'model.layers', 0, 'expert_down', 'expert.down'],
    ['model.layers.0.mlp.experts.gate_up_proj', 'model.layers', 0, 'expert_gate_up', 'expert.gate'],
    ['transformer.h.1.attn.c_attn.bias', 'transformer.h', 1, 'qkv.bias', 'bias'],
    ['h.1.mlp.c_proj.weight', 'h', 1, 'down', 'mlp.down'],
    ['gpt_neox.layers.5.attention.query_key_value.weight', 'gpt_neox.layers', 5, 'qkv', 'attention.qkv'],
    ['bert.encoder.layer.2.attention.self.query.weight', 'bert.encoder.layer', 2, 'q', 'attention.q'],
    ['encoder.layer.2.output.dense.weight', 'encoder.layer', 2, 'down', 'mlp.down'],
    ['encoder.layer.2.attention.output.dense.weight', 'encoder.layer', 2, 'o', 'attention.output'],
    ['model.layers.0.self_attn.qkv_proj.weight', 'model.layers', 0, 'qkv', 'attention.qkv'],
    ['model.layers.0.mlp.gate_up_proj.weight', 'model.layers', 0, 'gate_up', 'mlp.gateUp'],
    ['model.layers.0.self_attn.q_proj.qweight', 'model.layers', 0, 'q.qweight', 'other'],
    ['model.embed_tokens.weight', '', null, 'embed', 'embedding'],
    ['token_embd.weight', '', null, 'embed', 'embedding'],
    ['transformer.wpe.weight', '', null, 'position', 'position'],
    ['lm_head.weight', '', null, 'output', 'output'],
    ['lm_head.dense.weight', '', null, 'head_dense', 'other'],
    ['cls.predictions.bias', '', null, 'output.bias', 'bias'],
    ['cls.predictions.transform.LayerNorm.gamma', '', null, 'head_norm', 'norm'],
    ['bert.encoder.layer.3.output.LayerNorm.beta', 'bert.encoder.layer', 3, 'ffn_out_norm.bias', 'bias'],
    ['output.weight', '', null, 'output', 'output'],
    ['some.output.weight', '', null, 'some.output', 'other'],
  ])('%s', (name, ...expected) => {
    expect(place(name)).toEqual(expected);
  });

  test('norms, whatever the family calls them', () => {
    for (const name of [
      'model.norm.weight',
      'output_norm.weight',
      'model.layers.0.input_layernorm.weight',
      'blk.0.attn_q_norm.weight',
      'transformer.ln_f.weight',
      'x.3.final_layernorm.weight',
      'encoder.blocks.0.ln2.weight',
    ]) {
      expect([name, place(name, 1)[3]]).toEqual([name, 'norm']);
    }
  });

  test('Gemma’s norm after attention is not the norm before the MLP', () => {
    const names = ['post_attention_layernorm', 'pre_feedforward_layernorm', 'post_feedforward_layernorm'];
    const full = names.map((name) => `model.layers.0.${name}.weight`);
    const { placeOf } = placeTensors(full, () => 1, NONE);
    const modules = full.map((_, index) => placeOf(index).module);
    expect(modules).toEqual(['post_attn_norm', 'ffn_norm', 'post_ffn_norm']);
    expect(place('model.layers.0.post_attention_layernorm.weight', 1)[2]).toBe('ffn_norm');
  });

  test('Phi-3’s joined gate and up in a GGUF', () => {
    const hints = { config: null, ggufArchitecture: 'phi3' };
    expect(placeTensors(['blk.0.ffn_up.weight'], () => 2, hints).placeOf(0)).toMatchObject({
      module: 'gate_up',
      role: 'mlp.gateUp',
    });
  });
});

describe('unknown names', () => {
  test.each([
    ['encoder.layers.3.conv.weight', 3, ['encoder.layers', 3, 'conv', 'convolution']],
    ['lstm.0.weight', 2, ['lstm', 0, 'weight', 'other']],
    ['rnn.weight_ih_l1', 2, ['rnn', 1, 'weight_ih', 'other']],
    ['rnn.bias_hh_l0_reverse', 1, ['rnn', 0, 'bias_hh_reverse', 'bias']],
    ['layer1.0.conv1.weight', 4, ['layer1', 0, 'conv1', 'convolution']],
    ['0.weight', 2, ['', 0, 'weight', 'other']],
    ['decoder.layers.2.encoder_attn.q_proj.weight', 2, ['decoder.layers', 2, 'encoder_attn.q_proj', 'attention.q']],
    ['stft_conv.weight', 3, ['', null, 'stft_conv', 'convolution']],
    ['speaker_embedding.weight', 2, ['', null, 'speaker_embedding', 'embedding']],
    ['head.bias', 1, ['', null, 'head.bias', 'bias']],
    ['x.12345678901234567890.weight', 2, ['', null, 'x.12345678901234567890', 'other']],
    ['constructor', 2, ['', null, 'constructor', 'other']],
    ['', 0, ['', null, '', 'other']],
  ])('%j', (name, rank, expected) => {
    expect(place(name, rank)).toEqual(expected);
  });
});

describe('architecture and layers', () => {
  const names = (stems: readonly string[], layers = 4): string[] =>
    Array.from({ length: layers }, (_, layer) => stems.map((stem) => `model.layers.${layer}.${stem}.weight`)).flat();
  const map = (list: readonly string[], hints = NONE) => placeTensors(list, () => 2, hints).map;
  const llama = ['self_attn.q_proj', 'self_attn.o_proj', 'mlp.gate_proj', 'input_layernorm'];

  test('what the file says wins', () => {
    const config = { model_type: 'mistral' };
    expect(map(names(llama), { config, ggufArchitecture: null })).toEqual({ architecture: 'mistral', layers: 4 });
    expect(map(names(llama), { config, ggufArchitecture: 'qwen2' }).architecture).toBe('qwen2');
    expect(map(names(llama), { config: { model_type: 7 }, ggufArchitecture: null }).architecture).toBe('llama');
  });

  test('else the names tell', () => {
    expect(map(names(llama))).toEqual({ architecture: 'llama', layers: 4 });
    expect(map([...names(llama), 'model.layers.0.self_attn.q_proj.bias']).architecture).toBe('qwen2');
    expect(map(names([...llama, 'self_attn.q_norm'])).architecture).toBe('qwen3');
    expect(map(names([...llama, 'self_attn.q_norm', 'pre_feedforward_layernorm'])).architecture).toBe('gemma3');
    expect(map(names(['self_attn.qkv_proj', 'mlp.gate_up_proj'])).architecture).toBe('phi3');
    expect(map(names(['attn.c_attn', 'mlp.c_fc'])).architecture).toBe('gpt2');
    expect(map(names(['conv'])).architecture).toBeNull();
  });

  test('layers are counted in the largest stack, not by the highest number', () => {
    expect(map(['a.0.w', 'a.1.w', 'b.999999.w']).layers).toBe(2);
    expect(map(['w']).layers).toBe(0);
  });

  test('a real model has every column in every layer, in both spellings', async () => {
    for (const relative of ['models/tinystories-656K-safetensors/models/story', 'models/stories260K-gguf/testdata']) {
      const path = sharedData(relative);
      if (path === null) continue;
      const { tensors, model } = await openCheckpoint(path);
      for (let layer = 0; layer < model.layers; layer++) {
        const columns = tensors.filter((tensor) => tensor.layer === layer).map((tensor) => tensor.module);
        const expected = ['attn_norm', 'down', 'ffn_norm', 'gate', 'k', 'o', 'q', 'up', 'v'];
        expect(columns.toSorted()).toEqual(expected);
      }
    }
  });
});
