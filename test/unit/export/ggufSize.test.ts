// Predicted bytes are the file's bytes, for every type and for mixtures, from both kinds of source.

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Checkpoint, matrixShape } from '../../../core/checkpoint/checkpoint.ts';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { ggufBlocker, ggufSize } from '../../../core/export/gguf/layout.ts';
import { runExport } from '../../../core/export/runExport.ts';
import type { Plan } from '../../../core/protocol/plan.ts';
import { GGUF_TARGETS, isQuantizable } from '../../../core/quant/ggufTypes.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { writeGguf } from '../../fixtures/writeGguf.ts';
import { writeSafetensors } from '../../fixtures/writeSafetensors.ts';
import { tensor, testPool, writeLlamaFolder } from './exportFixtures.ts';
import { planFor } from './plans.ts';

const folder = temporaryFolder();
const pool = testPool();

async function predicted(checkpoint: Checkpoint, plan: Plan): Promise<number> {
  const size = await ggufSize(checkpoint);
  return checkpoint.tensors.filter(isQuantizable).reduce((sum, one) => {
    const { rows, columns } = matrixShape(one);
    const type = plan.solution.tensors[one.name]?.type;
    if (type === undefined) throw new Error(`${one.name} is not planned`);
    return sum + size.paddedBytes(rows, columns, type);
  }, size.fixedBytes);
}

describe('ggufSize', () => {
  const model = writeLlamaFolder(folder, 'llama');

  it.each(GGUF_TARGETS)('%s everywhere, from a Hugging Face folder', async (type) => {
    const checkpoint = await openCheckpoint(model);
    const plan = planFor(checkpoint, () => type);
    const output = join(folder, `all-${type}.gguf`);
    const result = await runExport('gguf', { checkpoint, plan, output, overwrite: false }, { pool });
    expect(result.bytes).toBe(await predicted(checkpoint, plan));
    expect(statSync(output).size).toBe(result.bytes);
    expect(result.verify.ok).toBe(true);
  });

  it('a mixture, from a GGUF with another alignment', async () => {
    const path = join(folder, 'aligned.gguf');
    const tensors = [
      tensor('token_embd.weight', [7, 96]),
      tensor('blk.0.attn_norm.weight', [33]),
      tensor('blk.0.ffn_up.weight', [5, 50]),
    ];
    writeGguf(path, tensors, { 'general.architecture': 'llama', 'x.list': ['a', 'b'] }, { alignment: 128 });
    const checkpoint = await openCheckpoint(path);
    const plan = planFor(checkpoint, (_, at) => (at === 0 ? 'Q5_1' : 'Q3_K'));
    const output = join(folder, 'mixture.gguf');
    await runExport('gguf', { checkpoint, plan, output, overwrite: false }, { pool });
    expect(statSync(output).size).toBe(await predicted(checkpoint, plan));
    const exported = await openCheckpoint(output);
    // 50 columns divide into no block: F16.
    expect(exported.tensors.map(({ dtype }) => dtype)).toEqual(['Q5_1', 'F32', 'F16']);
    expect(exported.tensors.every(({ offset }) => offset % 128 === 0)).toBe(true);
  });

  it('plans a checkpoint that cannot become a GGUF, and says why it cannot', async () => {
    const path = join(folder, 'other.safetensors');
    writeSafetensors(path, [tensor('conv.weight', [8, 32]), tensor('conv.bias', [8])]);
    const checkpoint = await openCheckpoint(path);
    expect(ggufBlocker(await openCheckpoint(model))).toBeNull();
    expect(ggufBlocker(checkpoint)).toMatch(/config\.json|Llama/);
    const size = await ggufSize(checkpoint);
    expect(size.fixedBytes).toBeGreaterThan(0);
    expect(size.paddedBytes(8, 32, 'Q4_0')).toBe(160); // 8 · 18 = 144, padded to 32
  });
});
