// Valid safetensors files: every dtype, metadata, a sharded folder with its configuration.

import { DTYPE_NAMES, isSafetensorsDType, storedBytes } from '../../../core/tensor/dtype.ts';
import { xorshift32 } from '../../fixtures/randomBlocks.ts';
import { type FixtureTensor, safetensorsBytes } from '../../fixtures/writeSafetensors.ts';
import type { Seed } from '../seeds.ts';

const ELEMENTS = 64;
const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

export function safetensorsSeeds(): Seed[] {
  const plain = DTYPE_NAMES.filter(isSafetensorsDType);
  const first = [random('model.layers.0.mlp.up_proj.weight', 'F32', [8, 8]), random('lm_head.weight', 'BF16', [4, 16])];
  const second = [random('model.layers.1.mlp.up_proj.weight', 'F16', [2, 4, 8])];
  const [one, two] = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'] as const;
  const names = (file: string, tensors: FixtureTensor[]) => tensors.map(({ name }) => [name, file] as const);
  const index = {
    metadata: { total_size: 512 },
    weight_map: Object.fromEntries([...names(one, first), ...names(two, second)]),
  };
  const config = { architectures: ['LlamaForCausalLM'], model_type: 'llama', num_hidden_layers: 2, hidden_size: 8 };
  return [
    single(plain.map((dtype) => random(`all.${dtype}`, dtype, [ELEMENTS / 8, 8]))),
    single(first, { format: 'pt', note: 'x' }),
    single([random('scalar', 'F32', []), random('empty', 'F16', [0, 3]), random('vector', 'I64', [5])]),
    single([]),
    {
      open: '.',
      files: {
        [one]: safetensorsBytes(first, { format: 'pt' }),
        [two]: safetensorsBytes(second),
        'model.safetensors.index.json': text(index),
        'config.json': text(config),
      },
    },
  ];
}

function single(tensors: readonly FixtureTensor[], metadata?: Readonly<Record<string, string>>): Seed {
  return { files: { 'model.safetensors': safetensorsBytes(tensors, metadata) }, open: 'model.safetensors' };
}

export function random(name: string, dtype: FixtureTensor['dtype'], shape: readonly number[]): FixtureTensor {
  const next = xorshift32(name.length + 1);
  const elements = shape.reduce((count, size) => count * size, 1);
  const known = DTYPE_NAMES.find((one) => one === dtype) ?? 'F32';
  const data = Uint8Array.from({ length: storedBytes(known, elements) }, () => next() >>> 24);
  return { name, dtype, shape, data };
}
