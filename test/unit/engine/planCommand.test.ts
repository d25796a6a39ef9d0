// `quantscope plan --check` and `--agree`: what a shell gets.

import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parsePlan } from '../../../core/allocation/planDocument.ts';
import { matrixShape } from '../../../core/checkpoint/checkpoint.ts';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { ggufSize } from '../../../core/export/gguf/layout.ts';
import { isQuantizable } from '../../../core/quant/ggufTypes.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { quantscope, SAMPLE } from './program.ts';

const folder = temporaryFolder();
const FLAGS = ['--target-bpw', '4.5', '--context', '64', '--sequences', '2'];

interface Answer {
  readonly bytes: number;
  readonly check: {
    readonly written: string;
    readonly statement: string;
    readonly plans: readonly { label: string; bytes: number; divergence: { mean: number } }[];
  };
}

describe('plan --check', () => {
  it('writes the plan that measured least, and prints all of them', async () => {
    const output = join(folder, 'a.quantplan.json');
    const flags = [...FLAGS, '--score', 'measuredDivergence', '--sample', '--check', '-o', output];
    const { code, stdout } = await quantscope(['plan', SAMPLE, ...flags, '--json']);
    expect(code).toBe(0);
    const { bytes, check } = JSON.parse(stdout) as Answer;
    const plan = parsePlan(readFileSync(output, 'utf8'), output);
    expect(plan.request.score).toBe('measuredDivergence');
    expect(plan.solution.bytes).toBe(bytes);
    const written = check.plans.find(({ label }) => label === check.written);
    expect(written?.bytes).toBe(bytes);
    const within = check.plans.filter((one) => one.bytes <= plan.request.targetBytes);
    expect(within.length).toBeGreaterThan(2);
    for (const one of within) expect(one.divergence.mean).toBeGreaterThanOrEqual(written?.divergence.mean ?? 0);
    expect(check.statement).toContain(`${check.written} is written`);
  }, 120_000);

  it('checks a plan of weights alone, as a table', async () => {
    const flags = [...FLAGS, '--sample', '--check', '--agree', 'qkv,gate-up', '-o', join(folder, 'b.quantplan.json')];
    const { code, stdout } = await quantscope(['plan', SAMPLE, ...flags]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^plan +bytes +predicted +measured KL/m);
    expect(stdout).toMatch(/^solved plan .* %/m);
    expect(stdout).toMatch(/ mix .* %/);
    expect(stdout).toContain('One type together with model.layers.0.mlp.');
    const { request, solution } = parsePlan(readFileSync(join(folder, 'b.quantplan.json'), 'utf8'), 'b');
    expect(request.agree).toEqual(['qkv', 'gateUp']);
    for (const part of ['k', 'v'])
      expect(solution.tensors[`model.layers.3.self_attn.${part}_proj.weight`]?.type).toBe(
        solution.tensors['model.layers.3.self_attn.q_proj.weight']?.type,
      );
  }, 120_000);

  it('a budget is spent to the byte beside an importance matrix, named only where it weighed a tensor', async () => {
    const matrix = join(folder, 'matrix.gguf');
    const length = ['--context', '64', '--sequences', '1'];
    expect((await quantscope(['imatrix', SAMPLE, '--sample', ...length, '-o', matrix])).code).toBe(0);
    const checkpoint = await openCheckpoint(SAMPLE);
    const { fixedBytes, paddedBytes } = await ggufSize(checkpoint);
    const rounded = checkpoint.tensors.filter(isQuantizable).reduce((sum, tensor) => {
      const { rows, columns } = matrixShape(tensor);
      return sum + paddedBytes(rows, columns, 'Q8_0');
    }, fixedBytes);
    const types: string[] = [];
    for (const targetBytes of [rounded, rounded - 1]) {
      const [plan, file] = [join(folder, 'd.quantplan.json'), join(folder, 'd.gguf')];
      const weighed = ['--imatrix', matrix];
      const budget = ['--target-bytes', `${targetBytes}`, '--choices', 'Q4_0,Q8_0'];
      expect((await quantscope(['plan', SAMPLE, ...budget, ...weighed, '-o', plan])).code).toBe(0);
      const { solution } = parsePlan(readFileSync(plan, 'utf8'), plan);
      types.push([...new Set(Object.values(solution.tensors).map(({ type }) => type))].toSorted().join());
      const made = await quantscope([
        'export',
        SAMPLE,
        '--plan',
        plan,
        '--format',
        'gguf',
        ...weighed,
        '-o',
        file,
        '--overwrite',
      ]);
      expect(made.code).toBe(0);
      expect(statSync(file).size).toBe(solution.bytes);
      expect(solution.bytes).toBeLessThanOrEqual(targetBytes);
      const { metadata } = await openCheckpoint(file);
      expect('quantize.imatrix.file' in metadata).toBe(targetBytes < rounded);
    }
    expect(types).toEqual(['Q8_0', 'Q4_0,Q8_0']);
  }, 120_000);

  it('asks for a text, and for groups it knows', async () => {
    const output = ['-o', join(folder, 'c.quantplan.json')];
    const without = await quantscope(['plan', SAMPLE, ...FLAGS, '--check', ...output]);
    expect([without.code, without.stderr]).toEqual([2, expect.stringContaining('--text FILE or --sample')]);
    const group = await quantscope(['plan', SAMPLE, ...FLAGS, '--agree', 'q-k-v', ...output]);
    expect([group.code, group.stderr]).toEqual([2, expect.stringContaining('qkv, gate-up, experts, tied')]);
  }, 60_000);
});
