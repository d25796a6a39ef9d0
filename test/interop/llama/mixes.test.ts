// The published rules of llama.cpp's mixes: the same type for every tensor as its own quantizer gives.

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { mixFactsOf } from '../../../core/allocation/mixFacts.ts';
import {
  mixTypes,
  STANDARD_MIX_NAMES,
  STANDARD_MIXES,
  type StandardMix,
} from '../../../core/allocation/standardMixes.ts';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { runExport } from '../../../core/export/runExport.ts';
import { isQuantizable } from '../../../core/quant/ggufTypes.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { type FixtureMetadata, writeGguf } from '../../fixtures/writeGguf.ts';
import type { FixtureTensor } from '../../fixtures/writeSafetensors.ts';
import { testPool } from '../../unit/export/exportFixtures.ts';
import { allOf } from '../../unit/export/plans.ts';
import { loadLlamaQuantize } from './quantize.ts';

const SAMPLE = fileURLToPath(new URL('../../fixtures/sample-llama', import.meta.url));
const folder = temporaryFolder();
const pool = testPool();
const quantize = loadLlamaQuantize();

interface Shape {
  readonly layers: number;
  readonly width: number;
  readonly feedForward: number;
  readonly heads: number;
  readonly keyHeads: number;
  readonly experts?: number;
  readonly tied?: boolean;
}

/** Rows of weights do not matter to the rules, so there are few. */
const SHAPES: Readonly<Record<string, Shape>> = {
  'seventeen layers, four queries a key, tied': {
    layers: 17,
    width: 256,
    feedForward: 512,
    heads: 8,
    keyHeads: 2,
    tied: true,
  },
  'thirty-three layers, odd widths': { layers: 33, width: 288, feedForward: 96, heads: 4, keyHeads: 4 },
  'eighty layers that share keys': { layers: 80, width: 256, feedForward: 256, heads: 8, keyHeads: 4 },
  'eight experts': { layers: 8, width: 256, feedForward: 256, heads: 8, keyHeads: 2, experts: 8 },
  'four experts': { layers: 9, width: 256, feedForward: 256, heads: 8, keyHeads: 8, experts: 4, tied: true },
};

function write(
  name: string,
  { layers, width, feedForward, heads, keyHeads, experts = 0, tied = false }: Shape,
): string {
  const tensors: FixtureTensor[] = [];
  const add = (tensor: string, shape: number[]): void => {
    const elements = shape.reduce((product, side) => product * side, 1);
    const data = Float32Array.from({ length: elements }, (_, i) => Math.sin(i * 1.7));
    tensors.push({ name: `${tensor}.weight`, dtype: 'F32', shape, data });
  };
  const keys = (width / heads) * keyHeads;
  add('token_embd', [8, width]);
  for (let layer = 0; layer < layers; layer++) {
    const at = (part: string): string => `blk.${layer}.${part}`;
    add(at('attn_norm'), [width]);
    add(at('attn_q'), [width, width]);
    add(at('attn_k'), [keys, width]);
    add(at('attn_v'), [keys, width]);
    add(at('attn_output'), [width, width]);
    add(at('ffn_norm'), [width]);
    if (experts > 0) add(at('ffn_gate_inp'), [experts, width]);
    const suffix = experts > 0 ? '_exps' : '';
    const of = experts > 0 ? [experts] : [];
    add(at(`ffn_gate${suffix}`), [...of, feedForward, width]);
    add(at(`ffn_up${suffix}`), [...of, feedForward, width]);
    add(at(`ffn_down${suffix}`), [...of, width, feedForward]);
  }
  add('output_norm', [width]);
  if (!tied) add('output', [8, width]);
  const metadata: FixtureMetadata = {
    'general.architecture': 'llama',
    'llama.block_count': layers,
    'llama.context_length': 64,
    'llama.embedding_length': width,
    'llama.feed_forward_length': feedForward,
    'llama.attention.head_count': heads,
    'llama.attention.head_count_kv': keyHeads,
    'llama.attention.layer_norm_rms_epsilon': { type: 'f32', value: 1e-5 },
    'llama.vocab_size': 8,
    ...(experts > 0 ? { 'llama.expert_count': experts, 'llama.expert_used_count': 2 } : {}),
    'tokenizer.ggml.model': 'no_vocab',
  };
  const path = join(folder, `${name}.gguf`);
  writeGguf(path, tensors, metadata);
  return path;
}

async function compare(path: string, mix: StandardMix): Promise<void> {
  const source = await openCheckpoint(path);
  const output = join(folder, 'mix.gguf');
  quantize?.(path, output, STANDARD_MIXES[mix].fileType, false);
  const theirs = new Map((await openCheckpoint(output)).tensors.map(({ name, dtype }) => [name, dtype]));
  const facts = mixFactsOf(source);
  if (facts === null) throw new Error('no facts');
  const planned = source.tensors.filter(isQuantizable);
  const ours = mixTypes(mix, source.tensors, facts);
  expect(planned.length).toBeGreaterThan(40);
  expect(Object.fromEntries(planned.map(({ name }, i) => [name, ours[i]]))).toEqual(
    Object.fromEntries(planned.map(({ name }) => [name, theirs.get(name)])),
  );
}

describe.skipIf(quantize === null)('llama.cpp chooses the same types', () => {
  it('for the bundled sample in every mix', async () => {
    const checkpoint = await openCheckpoint(SAMPLE);
    const path = join(folder, 'sample.gguf');
    await runExport('gguf', { checkpoint, plan: allOf(checkpoint, 'BF16'), output: path, overwrite: true }, { pool });
    for (const mix of STANDARD_MIX_NAMES) await compare(path, mix);
  });

  it.each(Object.entries(SHAPES))('for %s in every mix', async (name, shape) => {
    const path = write(name, shape);
    for (const mix of STANDARD_MIX_NAMES) await compare(path, mix);
  });
});
