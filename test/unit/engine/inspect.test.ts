// `quantscope inspect` in a terminal: what is said beyond names and shapes.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { gptqLayer } from '../../fixtures/packed/gptqLayer.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { imatrixBytes } from '../../fixtures/writeImatrix.ts';
import { call, dict, storage, tensor, text, torchZip } from '../../fixtures/writePickle.ts';
import { writeSafetensors } from '../../fixtures/writeSafetensors.ts';
import { quantscope } from './program.ts';

const folder = temporaryFolder();

it('packed tensors with scheme and true bits per weight, companions by name', async () => {
  const model = join(folder, 'packed');
  mkdirSync(model);
  const module = 'model.layers.0.self_attn.q_proj';
  const { tensors } = gptqLayer({ module, bits: 4, rows: 64, columns: 128, groupSize: 32, version: 1 });
  writeSafetensors(join(model, 'model.safetensors'), tensors);
  const quantization_config = { quant_method: 'gptq', bits: 4, group_size: 32, checkpoint_format: 'gptq' };
  writeFileSync(join(model, 'config.json'), JSON.stringify({ model_type: 'llama', quantization_config }));
  const { stdout, code } = await quantscope(['inspect', model]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^config: config\.json/m);
  // 4 bits of code, 16 + 4 bits of scale and zero point for 32 weights, 32 bits of order for 64 rows.
  expect(stdout).toMatch(/q_proj\.weight +INT4 +64×128 .* attention\.q +0 +5\.13 +GPTQ v1, 4 bit, groups of 32/);
  const listed = JSON.parse((await quantscope(['inspect', model, '--json'])).stdout) as {
    tensors: { scheme: string | null; count: number }[];
    parameters: number;
  };
  expect(listed.tensors.map(({ scheme }) => scheme)).toEqual(['GPTQ v1, 4 bit, groups of 32']);
  expect(listed.parameters).toBe(64 * 128);
});

it('what an importance matrix was made from', async () => {
  const path = join(folder, 'imatrix.dat');
  const entries = [{ name: 'blk.0.attn_q.weight', calls: 2, values: [1, 2, 3, 4] }];
  writeFileSync(path, imatrixBytes(entries, { chunks: 7, dataset: 'texts/\u001b[31mred.txt' }));
  const { stdout } = await quantscope(['inspect', path]);
  expect(stdout).toMatch(/^imatrix.*: importance matrix, .*1 layers$/m);
  expect(stdout).toContain('importance matrix: 7 chunks\n');
  // A name must not colour the terminal.
  expect(stdout).toContain('calibration text: texts/\\u001b[31mred.txt');
});

it('what a pickle would have run, before anything else', async () => {
  const path = join(folder, 'net.pt');
  const weight = tensor(storage({ key: '0', elements: 4 }), { shape: [2, 2] });
  const root = dict({ weight, hook: call('os.system', text('echo harmless')) });
  writeFileSync(path, torchZip(root, { 0: new Uint8Array(16) }));
  const { stdout, code } = await quantscope(['inspect', path]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^net.*: PyTorch pickle/);
  expect(stdout).toMatch(/^warning: .*os\.system.*byte \d+/m);
});
