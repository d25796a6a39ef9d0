// An importance matrix on the command line: looked at like a model, refused with one sentence where weights are needed.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { imatrixBytes } from '../../fixtures/writeImatrix.ts';
import { quantscope } from './program.ts';

const folder = temporaryFolder();
const path = join(folder, 'imatrix.dat');
writeFileSync(path, imatrixBytes([{ name: 'blk.0.attn_q.weight', calls: 2, values: [2, 4, 6, 8] }]));
const plan = join(folder, 'any.quantplan.json');
const PLAN = {
  kind: 'quantscope.plan',
  version: 1,
  model: { name: 'm', fingerprint: 'f' },
  request: { targetBytes: 1, choices: ['Q8_0'], locks: [], pins: [], minimums: [] },
  solution: { bytes: 1, bitsPerWeight: 1, damage: 0, gap: 0, feasible: { minBytes: 1, maxBytes: 2 }, tensors: {} },
};
writeFileSync(plan, JSON.stringify(PLAN));

describe('an importance matrix', () => {
  it('has statistics of mean squares', async () => {
    const { code, stdout } = await quantscope(['stats', path, '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout).tensors[0]).toMatchObject({ name: 'blk.0.attn_q.weight', mean: 2.5, min: 1, max: 4 });
  });

  it.each([
    ['sensitivity', [path]],
    ['plan', [path, '--target-bpw', '4', '-o', join(folder, 'new.quantplan.json')]],
    ['export', [path, '--plan', plan, '--format', 'gguf', '-o', join(folder, 'out.gguf')]],
    ['export', [path, '--plan', plan, '--format', 'safetensors', '-o', join(folder, 'out.safetensors')]],
  ])('%s refuses it', async (command, args) => {
    const { code, stderr } = await quantscope([command, ...args]);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/an importance matrix, not a model/);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });
});
