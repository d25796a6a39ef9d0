// Gemma beyond its golden logits: the text part of a model that also sees, and the scale of embeddings stored as BF16.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { Decoder } from '../../../core/forward/decoder.ts';
import { embeddingRows, embedTokens } from '../../../core/forward/embed.ts';
import { createPool } from '../../../core/kernels/pool.ts';
import { goldenModel, relativeError } from '../../fixtures/forward/goldenModels.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { type FixtureTensor, writeSafetensors } from '../../fixtures/writeSafetensors.ts';
import { logitsOf } from './logitsOf.ts';
import { floatTensors } from './storedTensors.ts';

const folder = temporaryFolder();
const pool = createPool(new URL('./worker.ts', import.meta.url), 1);
afterAll(() => pool.close());

function save(name: string, tensors: readonly FixtureTensor[], config: object): string {
  const own = join(folder, name);
  mkdirSync(own);
  writeSafetensors(join(own, 'model.safetensors'), tensors);
  writeFileSync(join(own, 'config.json'), JSON.stringify(config));
  return own;
}

function configOf(path: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(path, 'config.json'), 'utf8'));
}

test('the text part of Gemma 3 with vision', async () => {
  const { path, tokens, logits } = goldenModel('gemma3');
  const text = floatTensors(path).map((tensor) => ({ ...tensor, name: `language_model.${tensor.name}` }));
  const square = { dtype: 'F32', shape: [8, 8], data: new Float32Array(64).fill(1) };
  // More layers than the text has, with the same names inside.
  const tower = Array.from({ length: 5 }, (_, layer) =>
    ['q', 'k', 'v', 'out'].map((part) => {
      return { ...square, name: `vision_tower.vision_model.encoder.layers.${layer}.self_attn.${part}_proj.weight` };
    }),
  ).flat();
  const { architectures: _, ...config } = configOf(path);
  const both = { architectures: ['Gemma3ForConditionalGeneration'], model_type: 'gemma3', text_config: config };
  const own = save('vision', [...text, ...tower], { ...both, vision_config: { num_hidden_layers: 5 } });
  // As goldenLogits.test.ts.
  expect(relativeError(await logitsOf(own, tokens, pool), logits)).toBeLessThan(1e-4);
});

test.each([
  ['float32', Math.fround(Math.sqrt(32))],
  // √32 = 5.65685…; BF16 has steps of 2⁻⁵ there.
  ['bfloat16', 5.65625],
])('embeddings of a model stored as %s are scaled as transformers does', async (dtype, scale) => {
  const { path, tokens } = goldenModel('gemma2');
  const own = save(dtype, floatTensors(path), { ...configOf(path), dtype });
  const { parts } = await Decoder.open(await openCheckpoint(own), pool);
  const rows = await embeddingRows(parts, tokens, undefined);
  const { values } = await embedTokens(parts, tokens, undefined);
  expect(values).toEqual(rows.values.map((value) => value * scale));
});
