// What lies beside the weights: listed with one fact each, cheaply, whatever it holds.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Companion } from '../../../core/checkpoint/companions/companion.ts';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { sharedData } from '../../fixtures/sharedData.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { writeGguf } from '../../fixtures/writeGguf.ts';
import { writeSafetensors } from '../../fixtures/writeSafetensors.ts';
import { SAMPLE } from '../engine/program.ts';

const root = temporaryFolder();
let folders = 0;

const tensor = (name: string) => ({ name, dtype: 'F32', shape: [2, 4], data: new Float32Array(8) });

/** A folder with weights and these files; objects are written as JSON. */
function folderWith(files: Readonly<Record<string, unknown>>, weights = 'model.safetensors'): string {
  const folder = join(root, String(folders++));
  mkdirSync(folder);
  writeSafetensors(join(folder, weights), [tensor('model.layers.0.mlp.up_proj.weight')]);
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    const raw = typeof content === 'string' || content instanceof Uint8Array;
    writeFileSync(join(folder, name), raw ? content : JSON.stringify(content));
  }
  return folder;
}

async function companionsOf(files: Readonly<Record<string, unknown>>): Promise<readonly Companion[]> {
  return (await openCheckpoint(folderWith(files))).companions;
}

async function noteOf(name: string, content: unknown, others: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const found = (await companionsOf({ ...others, [name]: content })).find((companion) => companion.name === name);
  return found?.note ?? '';
}

/** A protobuf field of bytes. */
const field = (number: number, bytes: readonly number[]): number[] => [(number << 3) | 2, bytes.length, ...bytes];

const LORA = {
  peft_type: 'LORA',
  r: 16,
  target_modules: ['q_proj', 'v_proj'],
  base_model_name_or_path: 'meta-llama/Llama-2-7b',
};

describe('companions', () => {
  test('a published model', async () => {
    const companions = await companionsOf({
      'config.json': { architectures: ['LlamaForCausalLM'], model_type: 'llama', vocab_size: 32_000 },
      'generation_config.json': { temperature: 0.6, top_p: 0.9, do_sample: true },
      'tokenizer.json': { model: { type: 'BPE', vocab: { a: 0, b: 1, ab: 2 } } },
      'tokenizer_config.json': { tokenizer_class: 'LlamaTokenizer', chat_template: '{{ messages }}' },
      'README.md': '---\nlicense: apache-2.0\nbase_model: other/base\n---\n# A model\n',
      'training.py': 'print()',
    });
    expect(companions).toEqual([
      { name: 'config.json', kind: 'config', note: 'LlamaForCausalLM' },
      { name: 'generation_config.json', kind: 'generation', note: 'temperature 0.6, top_p 0.9' },
      { name: 'tokenizer.json', kind: 'tokenizer', note: '3 tokens, BPE, 53 B' },
      { name: 'tokenizer_config.json', kind: 'tokenizer', note: 'LlamaTokenizer, chat template' },
      { name: 'README.md', kind: 'card', note: 'license apache-2.0, made from other/base, 61 B' },
    ]);
  });

  test('a large tokenizer is looked at by its beginning; config.json knows how many tokens there are', async () => {
    const vocab = Object.fromEntries(Array.from({ length: 50_000 }, (_, at) => [`token${at}`, at]));
    const tokenizer = { added_tokens: [{ id: 0, content: '<s>' }], model: { type: 'Unigram', vocab } };
    const folder = folderWith({ 'config.json': { vocab_size: 50_000 }, 'tokenizer.json': tokenizer });
    const checkpoint = await openCheckpoint(folder);
    expect(checkpoint.companions[1]?.note).toMatch(/^50,000 tokens, Unigram, 928 kB$/);
    expect(checkpoint.bytesRead).toBeLessThan(200_000);
  });

  test('SentencePiece, tiktoken and vocabularies', async () => {
    const pieces = [field(1, [10, 1, 97]), field(1, [10, 1, 98]), field(2, [...field(1, [120]), 0x18, 2])].flat();
    expect(await noteOf('tokenizer.model', Uint8Array.from(pieces))).toBe('2 tokens, SentencePiece BPE, 17 B');
    expect(await noteOf('tokenizer.model', 'IQ== 0\nIg== 1\nIw== 2\n')).toBe('3 tokens, tiktoken BPE, 21 B');
    expect(await noteOf('tokenizer.model', new Uint8Array(40).fill(0xff))).toBe('40 B');
    expect(await noteOf('vocab.json', { a: 0, b: 1 })).toBe('2 tokens, BPE, 13 B');
    expect(await noteOf('vocab.txt', '[PAD]\n[UNK]\nthe')).toBe('3 tokens, WordPiece, 15 B');
    expect(await noteOf('chat_template.jinja', '{{ x }}')).toBe('chat template, 7 B');
  });

  test('adapters in the folder and one level below', async () => {
    const companions = await companionsOf({
      'adapter_config.json': { ...LORA, r: undefined, target_modules: 'all-linear' },
      'french/adapter_config.json': LORA,
      'french/adapter_model.safetensors': 'x',
      'deep/er/adapter_config.json': LORA,
      'other/notes.txt': 'nothing',
    });
    expect(companions).toEqual([
      {
        name: 'adapter_config.json',
        kind: 'adapter',
        note: 'LoRA, on all-linear, for meta-llama/Llama-2-7b, its weights are missing',
      },
      {
        name: 'french/adapter_model.safetensors',
        kind: 'adapter',
        note: 'LoRA, rank 16 on q_proj, v_proj, for meta-llama/Llama-2-7b',
      },
    ]);
  });

  test('an adapter’s folder opens as a model of its tensors, and beside a model it is no second one', async () => {
    const folder = folderWith({ 'adapter_config.json': LORA }, 'adapter_model.safetensors');
    const name = 'base_model.model.model.layers.3.self_attn.q_proj.lora_A.weight';
    writeSafetensors(join(folder, 'adapter_model.safetensors'), [tensor(name)]);
    const adapter = await openCheckpoint(folder);
    expect(adapter.tensors[0]).toMatchObject({ name, layer: 3, module: 'q.lora_A' });
    expect(adapter.companions.map(({ kind }) => kind)).toEqual(['adapter']);
    writeSafetensors(join(folder, 'weights.safetensors'), [tensor('w')]);
    expect((await openCheckpoint(folder)).tensors[0]?.name).toBe('w');
  });

  test('broken, hostile and odd files are notes, never errors', async () => {
    expect(await noteOf('tokenizer.json', '{"model": ')).toMatch(/^not valid JSON/);
    expect(await noteOf('tokenizer.json', '[]')).toMatch(/^not valid JSON/);
    expect(await noteOf('config.json', 'nonsense')).toMatch(/^not a JSON object/);
    expect(await noteOf('generation_config.json', { temperature: { a: 1 }, top_k: [] })).toBe('34 B');
    expect(await noteOf('README.md', '')).toBe('0 B');
    expect((await noteOf('README.md', `---\nlicense: ${'x'.repeat(3000)}\n---\n`)).length).toBeLessThan(100);
    expect(await noteOf('tokenizer.json', { model: { type: 'B'.repeat(500), vocab: 7 } })).toHaveLength(61 + 2 + 5);
    // A folder in place of a file.
    expect(await noteOf('README.md/inside.txt', 'x')).toBe('');
    expect(await companionsOf({ 'tokenizer.json/inside.txt': 'x' })).toEqual([
      { name: 'tokenizer.json', kind: 'tokenizer', note: 'cannot be read' },
    ]);
  });

  test('a single file of any format has companions too', async () => {
    const folder = folderWith({ 'README.md': '# Model' });
    writeGguf(join(folder, 'model.gguf'), [tensor('blk.0.ffn_up.weight')]);
    expect((await openCheckpoint(join(folder, 'model.gguf'))).companions).toEqual([
      { name: 'README.md', kind: 'card', note: '7 B' },
    ]);
  });

  test('the sample and a real model', async () => {
    const sample = await openCheckpoint(SAMPLE);
    expect(sample.companions.map(({ note }) => note)).toEqual(
      expect.arrayContaining(['LlamaForCausalLM', expect.stringMatching(/tokens, BPE/)]),
    );
    const path = sharedData('models/tinystories-656K-safetensors/models/story');
    if (path === null) return;
    const kinds = (await openCheckpoint(path)).companions.map(({ kind }) => kind);
    expect(kinds).toEqual(['config', 'generation', 'tokenizer', 'tokenizer']);
  });
});
