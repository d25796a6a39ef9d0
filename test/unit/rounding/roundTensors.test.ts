// GPTQ over the sample model: the bytes of its definition, whoever works and however often they are interrupted.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { collectHeadHessian, collectHessians, type InputProducts } from '../../../core/calibration/hessian.ts';
import type { TensorInfo } from '../../../core/checkpoint/checkpoint.ts';
import { runBlocks } from '../../../core/forward/blocks.ts';
import { embedTokens } from '../../../core/forward/embed.ts';
import { createPool } from '../../../core/kernels/pool.ts';
import { loadKernels } from '../../../core/kernels/wasm.ts';
import type { GgufTarget } from '../../../core/quant/ggufTypes.ts';
import { roundWithFeedback } from '../../../core/quant/gptq/gptq.ts';
import { BlockLevels } from '../../../core/quant/rounding/blockLevels.ts';
import { roundable } from '../../../core/rounding/roundable.ts';
import { RoundedFolder } from '../../../core/rounding/roundedFolder.ts';
import { DAMPING, hessianBytes, type RoundingRun, roundTensors } from '../../../core/rounding/roundTensors.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { openSample, SEQUENCES } from '../calibration/captured.ts';

const folder = temporaryFolder();
const pool = createPool(new URL('worker.ts', import.meta.url), 2);
afterAll(() => pool.close());
const { parts } = await openSample(pool);
const { checkpoint } = parts.weights;
const LAYER = 1;

/** Some of a layer's tensors in different types, and some that are not GPTQ's. */
const TYPES: Readonly<Record<string, GgufTarget>> = {
  [`model.layers.${LAYER}.self_attn.k_proj.weight`]: 'Q4_K',
  [`model.layers.${LAYER}.self_attn.v_proj.weight`]: 'Q8_0',
  [`model.layers.${LAYER}.self_attn.o_proj.weight`]: 'Q3_K',
  [`model.layers.${LAYER}.self_attn.q_proj.weight`]: 'F16',
  'lm_head.weight': 'Q4_K',
  'model.embed_tokens.weight': 'Q4_K',
};
const types = new Map(
  checkpoint.tensors.flatMap(({ name, index }) => (TYPES[name] === undefined ? [] : [[index, TYPES[name]] as const])),
);
const wanted = roundable(parts, types);

async function run(name: string, more: Partial<RoundingRun> = {}): Promise<Record<string, string>> {
  const path = join(folder, name);
  const kept = new RoundedFolder(path);
  await roundTensors(wanted, { parts, pool, sequences: SEQUENCES, folder: kept, ...more });
  return hashes(path);
}

function hashes(path: string): Record<string, string> {
  const files = readdirSync(path).toSorted();
  return Object.fromEntries(
    files.map((file) => [
      file,
      createHash('sha256')
        .update(readFileSync(join(path, file)))
        .digest('hex'),
    ]),
  );
}

test('tensors that multiply a measured input are rounded, others named', () => {
  const names = (tensors: readonly TensorInfo[]): string[] => tensors.map(({ name }) => name.split('.').at(-2) ?? '');
  expect(names(wanted.tensors)).toEqual(['k_proj', 'v_proj', 'o_proj', 'lm_head']);
  expect([...wanted.layers.keys()]).toEqual([LAYER, parts.network.layers]);
  expect(wanted.others.map(({ tensor, reason }) => [tensor.name, reason])).toEqual([
    ['model.embed_tokens.weight', 'no input of it is measured'],
  ]);
});

describe('bytes', async () => {
  const first = await run('first');

  test('are those of GPTQ’s definition', async () => {
    const kernels = await loadKernels();
    const hidden = await embedTokens(parts, SEQUENCES, undefined);
    const found = new Map<string, InputProducts>();
    await collectHessians(parts, hidden, {
      layers: [0, LAYER + 1],
      taps: (_, layer) => layer === LAYER,
      onHessian: (hessian) => void found.set(hessian.tap, hessian),
    });
    await runBlocks(parts, [hidden], { layers: [LAYER + 1, parts.network.layers], signal: undefined });
    found.set('output_in', await collectHeadHessian(parts, hidden, undefined));
    for (const [layer, taps] of wanted.layers)
      for (const { name, columns, places } of taps)
        for (const { tensor, shape, type } of places) {
          const { values: hessian, rows: tokens } = found.get(name) ?? { values: new Float64Array(), rows: 0 };
          const module =
            { k_proj: 'k', v_proj: 'v', o_proj: 'o', lm_head: 'output' }[tensor.name.split('.').at(-2) ?? ''] ?? '';
          const values = await parts.weights.load(module === 'output' ? null : layer, module, shape, undefined);
          const diagonal = Array.from({ length: columns }, (_, i) => hessian[i * columns + i] ?? 0);
          const added = (DAMPING * diagonal.reduce((a, b) => a + b)) / columns;
          const rows = shape[0] ?? 0;
          const levels = new BlockLevels(
            kernels,
            { type, rows, columns },
            Float32Array.from(diagonal, (own) => (own + added) / tokens),
          );
          roundWithFeedback({ values, rows, columns }, hessian, { actOrder: false, damping: DAMPING }, levels);
          const written = readFileSync(join(folder, 'first', `${tensor.index}.${type}`));
          expect(Buffer.compare(written, levels.bytes), tensor.name).toBe(0);
        }
  }, 60_000);

  test('do not depend on threads, nor on how many Hessians are kept at a time', async () => {
    const single = createPool(new URL('worker.ts', import.meta.url), 1);
    const one = 8 * 256 ** 2;
    expect(hessianBytes(wanted, one)).toBeLessThan(hessianBytes(wanted));
    expect(await run('single', { pool: single, maxHessianBytes: one })).toEqual(first);
    await single.close();
  });

  test('are the same after an interruption; what was finished is not done again', async () => {
    const stop = new AbortController();
    const seen: string[] = [];
    const stopped = run('stopped', {
      signal: stop.signal,
      onProgress: (_done, _total, message) => {
        seen.push(message);
        if (message.includes('o_proj')) stop.abort();
      },
    });
    await expect(stopped).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(seen.some((message) => message.includes('v_proj'))).toBe(true);
    const left = Object.keys(hashes(join(folder, 'stopped')));
    expect(left.filter((name) => name.includes('partial'))).toEqual([]);
    expect(left.length).toBe(2);
    const again: string[] = [];
    expect(await run('stopped', { onProgress: (_d, _t, message) => again.push(message) })).toEqual(first);
    expect(again.some((message) => message.includes('v_proj'))).toBe(false);
    again.length = 0;
    expect(await run('stopped', { onProgress: (_d, _t, message) => again.push(message) })).toEqual(first);
    expect(again).toEqual([]);
  });

  test('a file that lost its end is made again', async () => {
    const path = join(folder, 'cut');
    await run('cut');
    const [name = ''] = readdirSync(path);
    truncateSync(join(path, name), 100);
    expect(await run('cut')).toEqual(first);
  });
});
