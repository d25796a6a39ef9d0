// Every file a model is read from: what an output must never be written over.

import { dirname, join } from 'node:path';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';

/** Read by exporters beside the weights of a Hugging Face folder. */
const COMPANIONS = [
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'tokenizer.model',
  'special_tokens_map.json',
  'model.safetensors.index.json',
];

/** What was opened, the weights, and what stands beside them (whether it exists or not). */
export function inputsOf({ path, files }: Pick<Checkpoint, 'path' | 'files'>): string[] {
  const folders = new Set(files.map((file) => dirname(file.path)));
  const beside = [...folders].flatMap((folder) => COMPANIONS.map((name) => join(folder, name)));
  return [path, ...files.map((file) => file.path), ...beside];
}
