// A published model's folder: weights with everything that lies beside them, adapters included.

import { bytes, integer } from '../../fixtures/writeOnnx.ts';
import { concatenate, safetensorsBytes } from '../../fixtures/writeSafetensors.ts';
import type { Bytes } from '../mutation.ts';
import type { Seed } from '../seeds.ts';
import { random } from './safetensors.ts';

const text = (content: string): Bytes => new TextEncoder().encode(content);
const json = (value: unknown): Bytes => text(JSON.stringify(value));

export function companionSeeds(): Seed[] {
  const adapter = {
    peft_type: 'LORA',
    r: 16,
    lora_alpha: 32,
    target_modules: ['q_proj', 'v_proj'],
    base_model_name_or_path: 'maker/model',
  };
  const lora = [random('base_model.model.q_proj.lora_A.weight', 'F32', [2, 8])];
  const files = {
    'model.safetensors': safetensorsBytes([random('model.layers.0.self_attn.q_proj.weight', 'F32', [8, 8])]),
    'config.json': json({ architectures: ['LlamaForCausalLM'], model_type: 'llama', num_hidden_layers: 1 }),
    'generation_config.json': json({ temperature: 0.7, top_p: 0.9, max_length: 4096, eos_token_id: [1, 2] }),
    'tokenizer.json': json({ model: { type: 'BPE', vocab: { a: 0, b: 1, ab: 2 }, merges: ['a b'] }, added_tokens: [] }),
    'tokenizer_config.json': json({ tokenizer_class: 'LlamaTokenizer', chat_template: '{{ messages }}' }),
    'tokenizer.model': sentencePiece(),
    'vocab.json': json({ a: 0, b: 1 }),
    'vocab.txt': text('[PAD]\n[UNK]\na\n'),
    'chat_template.jinja': text('{% for message in messages %}{{ message }}{% endfor %}'),
    'README.md': text('---\nlicense: mit\nbase_model: maker/model\ntags:\n- text\n---\n# Model\n'),
    'adapter_config.json': json(adapter),
    'adapter_model.safetensors': safetensorsBytes(lora),
    'other/adapter_config.json': json({ ...adapter, r: 8 }),
    'other/adapter_model.safetensors': safetensorsBytes(lora),
  };
  return [
    { files, open: '.' },
    { files, open: 'model.safetensors' },
  ];
}

/** A ModelProto of pieces: text, score, type. */
function sentencePiece(): Bytes {
  const pieces = ['<unk>', '<s>', 'a', 'b'].map((piece) => bytes(1, [bytes(1, piece), integer(3, 1)]));
  return concatenate(pieces);
}
