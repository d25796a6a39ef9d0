// The bundled Llama dressed as its relatives: the same function where the family allows it, so that figures can be compared.

import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { type FixtureTensor, writeSafetensors } from '../../fixtures/writeSafetensors.ts';

const HEAD_DIMENSION = 32;
const QUERY_WIDTH = 256;
const KEY_WIDTH = 128;
const LAYERS = 6;

/** Writes the sample's weights with other settings and further tensors; returns the folder. */
export async function dressAs(
  sample: string,
  folder: string,
  settings: Readonly<Record<string, unknown>>,
  further: readonly FixtureTensor[] = [],
): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const { tensors, files } = await openCheckpoint(sample);
  const bytes = readFileSync(files[0]?.path ?? '');
  const own = tensors.map(({ name, dtype, shape, offset, bytes: length }): FixtureTensor => {
    return { name, dtype, shape, data: bytes.subarray(offset, offset + length) };
  });
  writeSafetensors(join(folder, 'model.safetensors'), [...own, ...further]);
  const config: unknown = JSON.parse(readFileSync(join(sample, 'config.json'), 'utf8'));
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...(config as object), ...settings }));
  for (const file of ['tokenizer.json', 'tokenizer_config.json']) cpSync(join(sample, file), join(folder, file));
  return folder;
}

/** Qwen2 has query, key and value biases; zeros change nothing. */
export function zeroBiases(): FixtureTensor[] {
  return perLayer([
    ['q_proj.bias', QUERY_WIDTH, 0],
    ['k_proj.bias', KEY_WIDTH, 0],
    ['v_proj.bias', KEY_WIDTH, 0],
  ]);
}

/** Qwen3 normalizes every head's queries and keys. */
export function headNorms(): FixtureTensor[] {
  return perLayer([
    ['q_norm.weight', HEAD_DIMENSION, 1],
    ['k_norm.weight', HEAD_DIMENSION, 1],
  ]);
}

function perLayer(parts: readonly (readonly [suffix: string, width: number, value: number])[]): FixtureTensor[] {
  return Array.from({ length: LAYERS }, (_, layer) =>
    parts.map(([suffix, width, value]): FixtureTensor => {
      const name = `model.layers.${layer}.self_attn.${suffix}`;
      return { name, dtype: 'F32', shape: [width], data: new Float32Array(width).fill(value) };
    }),
  ).flat();
}
