// Whether the tensors are the ones config.json describes: llama.cpp refuses a file where they are not.

import { QuantscopeError } from '../../base/errors.ts';
import type { ModelConfig } from '../../model/modelConfig.ts';
import type { GgufTensor } from './contents.ts';

/** In every layer, whatever the family; biases and head norms are optional. */
const LAYER_TENSORS = [
  'attn_norm',
  'attn_q',
  'attn_k',
  'attn_v',
  'attn_output',
  'ffn_norm',
  'ffn_gate',
  'ffn_up',
  'ffn_down',
] as const;

/** @throws SHAPE_INVALID, TENSOR_NOT_FOUND naming the GGUF tensor, what it is and what config.json asks for */
export function checkShapes(tensors: readonly GgufTensor[], config: ModelConfig): void {
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  for (const name of neededNames(config)) {
    if (byName.has(name)) continue;
    const fact = `config.json describes ${config.blockCount} layers`;
    throw new QuantscopeError('TENSOR_NOT_FOUND', `there is no tensor for ${name}, ${fact}`);
  }
  const expected = shapes(config);
  for (const { name, shape } of tensors) {
    const match = /^(?:blk\.(\d+)\.)?(\w+)\.weight$/.exec(name);
    const wanted = match === null ? undefined : expected.get(match[2] ?? '');
    if (match?.[1] !== undefined && Number(match[1]) >= config.blockCount)
      throw new QuantscopeError('SHAPE_INVALID', `${name}: config.json describes ${config.blockCount} layers only`);
    if (wanted === undefined || wanted.join() === shape.join()) continue;
    const fact = `the shape is [${shape.join(', ')}], config.json makes it [${wanted.join(', ')}]`;
    throw new QuantscopeError('SHAPE_INVALID', `${name}: ${fact}`);
  }
}

function* neededNames({ blockCount }: ModelConfig): Generator<string> {
  yield 'token_embd.weight';
  yield 'output_norm.weight';
  for (let layer = 0; layer < blockCount; layer++) {
    for (const stem of LAYER_TENSORS) yield `blk.${layer}.${stem}.weight`;
  }
}

function shapes(config: ModelConfig): ReadonlyMap<string, readonly number[]> {
  const { embeddingLength: width, feedForwardLength: inner, headDimension } = config;
  const queries = config.heads * headDimension;
  const keys = config.keyValueHeads * headDimension;
  return new Map([
    ['attn_norm', [width]],
    ['attn_q', [queries, width]],
    ['attn_k', [keys, width]],
    ['attn_v', [keys, width]],
    ['attn_output', [width, queries]],
    ['attn_q_norm', [headDimension]],
    ['attn_k_norm', [headDimension]],
    ['ffn_norm', [width]],
    ['ffn_gate', [inner, width]],
    ['ffn_up', [inner, width]],
    ['ffn_down', [width, inner]],
    ['output_norm', [width]],
  ]);
}
