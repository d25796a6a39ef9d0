// Headers read into networks: which layers share a block, and what is refused with which words.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { describeNetwork } from '../../../core/model/forward/families/index.ts';
import type { ModelHeaders } from '../../../core/model/forward/family.ts';
import { GOLDEN_FOLDER } from '../../fixtures/forward/goldenModels.ts';

function headers(config: object, more: Partial<ModelHeaders> = {}): ModelHeaders {
  return {
    name: 'tiny',
    config: config as ModelHeaders['config'],
    gguf: null,
    vocabulary: 64,
    unplaced: [],
    has: () => false,
    divisors: () => null,
    ...more,
  };
}

function golden(name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(GOLDEN_FOLDER, name, 'config.json'), 'utf8'));
}

describe('layers', () => {
  const kinds = (config: object): number[] => {
    const { block } = describeNetwork(headers(config));
    const first: unknown[] = [];
    return Array.from({ length: 8 }, (_, layer) => {
      if (!first.includes(block(layer))) first.push(block(layer));
      return first.indexOf(block(layer));
    });
  };

  test('share a block where they are alike', () => {
    const { layer_types: _, ...gemma2 } = golden('gemma2');
    expect(kinds(golden('llama'))).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    expect(kinds(golden('mistral'))).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    expect(kinds(gemma2)).toEqual([0, 1, 0, 1, 0, 1, 0, 1]);
    expect(kinds({ ...golden('gemma3'), sliding_window_pattern: 3 })).toEqual([0, 0, 1, 0, 0, 1, 0, 0]);
    expect(kinds({ ...golden('gpt2'), scale_attn_by_inverse_layer_idx: true })).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    const qwen = { ...golden('qwen2'), use_sliding_window: true, sliding_window: 4, max_window_layers: 5 };
    expect(kinds(qwen)).toEqual([0, 0, 0, 0, 0, 1, 1, 1]);
  });

  test('with a window see as many tokens', () => {
    const { block } = describeNetwork(headers(golden('mistral')));
    const { values = new Float32Array() } = block(0).constants(10).mask ?? {};
    const seen = Array.from({ length: 10 }, (_, row) =>
      values.subarray(row * 10, row * 10 + 10).filter((x) => x === 0),
    );
    expect(seen.map((row) => row.length)).toEqual([1, 2, 3, 4, 5, 6, 7, 7, 7, 7]);
    expect([...values.subarray(90)].map(Object.is.bind(null, -Infinity))).toEqual([
      ...[true, true, true],
      ...new Array(7).fill(false),
    ]);
  });
});

test('Gemma 3 with vision leaves out what is usual', () => {
  const text = { hidden_size: 2560, intermediate_size: 10_240, num_hidden_layers: 34, sliding_window: 1024 };
  const config = { architectures: ['Gemma3ForConditionalGeneration'], text_config: text, vision_config: {} };
  const { layers, context, block } = describeNetwork(headers(config));
  expect({ layers, context }).toEqual({ layers: 34, context: 131_072 });
  expect(block(0).weights.get('q')).toEqual({ dimensions: [2048, 2560] });
  expect(block(0).weights.get('k')).toEqual({ dimensions: [1024, 2560] });
  expect([0, 1, 2, 3, 4, 5, 6].map((layer) => block(layer) === block(0))).toEqual([
    ...[true, true, true, true, true],
    ...[false, true],
  ]);
});

describe('refused', () => {
  test.each([
    ['an activation', { hidden_act: 'xielu' }, 'UNSUPPORTED_ARCHITECTURE', 'activation "xielu"'],
    ['a rotary scaling', { rope_scaling: { type: 'spiral', factor: 2 } }, 'UNSUPPORTED_ARCHITECTURE', '"spiral"'],
    ['a rotary factor', { rope_scaling: { type: 'linear', factor: -1 } }, 'HEADER_INVALID', 'factor -1'],
    [
      'rotary divisors',
      { rope_scaling: { type: 'longrope', short_factor: [1] } },
      'HEADER_INVALID',
      'has 1 numbers, 4',
    ],
    ['an odd head', { head_dim: 7 }, 'HEADER_INVALID', '7 of 7 elements'],
    ['heads of keys', { num_key_value_heads: 3 }, 'HEADER_INVALID', '4 heads cannot share 3'],
    ['no layers', { num_hidden_layers: 0 }, 'HEADER_INVALID', 'num_hidden_layers is 0'],
    ['a kind of layer', { model_type: 'qwen2', layer_types: ['mamba'] }, 'UNSUPPORTED_ARCHITECTURE', '"mamba"'],
  ])('%s', (_what, change, code, words) => {
    const type = 'model_type' in change ? { architectures: ['Qwen2ForCausalLM'], use_sliding_window: true } : {};
    const config = { ...golden('llama'), rope_scaling: null, ...type, ...change };
    expect(() => describeNetwork(headers(config))).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(words) }),
    );
  });

  test('an unknown architecture, with names it could not place', () => {
    const names = Array.from({ length: 40 }, (_, i) => `backbone.layers.${i}.mixer.A_log`);
    const run = () => describeNetwork(headers({ architectures: ['MambaForCausalLM'] }, { unplaced: names }));
    expect(run).toThrow(
      expect.objectContaining({
        code: 'UNSUPPORTED_ARCHITECTURE',
        message: expect.stringContaining('MambaForCausalLM'),
      }),
    );
    expect(run).toThrow(/"backbone\.layers\.0\.mixer\.A_log", .* and others \(40 tensors\)/);
    expect(run).toThrow(/Statistics need no architecture/);
  });

  test('a head that gives no logits, a type of no known class, GGUF of other architectures', () => {
    const classifier = { ...golden('llama'), architectures: ['LlamaForSequenceClassification'] };
    expect(() => describeNetwork(headers(classifier))).toThrow('LlamaForSequenceClassification');
    expect(() => describeNetwork(headers({ model_type: 't5' }))).toThrow('"t5"');
    expect(() => describeNetwork(headers({}, { gguf: () => 'mamba' }))).toThrow('"mamba"');
    expect(() => describeNetwork(headers({}, { gguf: () => undefined }))).toThrow('missing');
    expect(() => describeNetwork(headers({}, { config: null }))).toThrow('needs config.json');
  });
});
