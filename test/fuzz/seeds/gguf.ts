// Valid GGUF files: every block type, every kind of value, both byte orders, a split.

import { DTYPE_NAMES, dtypeInfo } from '../../../core/tensor/dtype.ts';
import { randomBlocks } from '../../fixtures/randomBlocks.ts';
import { type FixtureMetadata, type GgufFixtureOptions, ggufBytes } from '../../fixtures/writeGguf.ts';
import type { FixtureTensor } from '../../fixtures/writeSafetensors.ts';
import type { Seed } from '../seeds.ts';
import { random } from './safetensors.ts';

const LLAMA: FixtureMetadata = {
  'general.architecture': 'llama',
  'general.file_type': 15,
  'llama.block_count': 2,
  'llama.attention.layer_norm_rms_epsilon': 1e-5,
  'tokenizer.ggml.tokens': ['<s>', 'a', 'ab'],
  'tokenizer.ggml.scores': { type: 'array', items: 'f32', value: [0, -1, -2] },
  'general.version': { type: 'i64', value: -3n },
  'general.flag': true,
};

export function ggufSeeds(): Seed[] {
  const types = DTYPE_NAMES.filter((name) => dtypeInfo(name).ggml !== undefined);
  const blocks = types.map((dtype): FixtureTensor => {
    const { blockElements } = dtypeInfo(dtype);
    const columns = Math.max(32, blockElements);
    const data = randomBlocks(dtype, (2 * columns) / blockElements, 5);
    return { name: `blk.0.${dtype}.weight`, dtype, shape: [2, columns], data };
  });
  const [half, whole] = [Math.floor(blocks.length / 2), blocks.length];
  const small = [random('token_embd.weight', 'F32', [4, 8]), random('blk.0.attn_norm.weight', 'F16', [8])];
  return [
    single(blocks.slice(0, half), LLAMA),
    single(blocks.slice(half, whole), LLAMA, { alignment: 64 }),
    single(small, LLAMA),
    single(small, LLAMA, { bigEndian: true }),
    single(small, {}, { version: 2 }),
    single([], LLAMA),
    single(
      [random('blk.0.ffn_down.weight.in_sum2', 'F32', [1, 8]), random('blk.0.ffn_down.weight.counts', 'F32', [1, 1])],
      {
        'general.type': 'imatrix',
        'imatrix.datasets': ['text.txt'],
        'imatrix.chunk_count': 3,
        'imatrix.chunk_size': 512,
      },
    ),
    {
      open: 'model-00001-of-00002.gguf',
      files: {
        'model-00001-of-00002.gguf': ggufBytes(small.slice(0, 1), { ...LLAMA, ...split(0) }),
        'model-00002-of-00002.gguf': ggufBytes(small.slice(1), split(1)),
      },
    },
  ];
}

function split(number: number): FixtureMetadata {
  return {
    'split.no': { type: 'u16', value: number },
    'split.count': { type: 'u16', value: 2 },
    'split.tensors.count': { type: 'i32', value: 2 },
  };
}

function single(tensors: readonly FixtureTensor[], metadata: FixtureMetadata, options?: GgufFixtureOptions): Seed {
  return { files: { 'model.gguf': ggufBytes(tensors, metadata, options) }, open: 'model.gguf' };
}
