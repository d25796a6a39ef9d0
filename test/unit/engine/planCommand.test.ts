// `quantscope plan --check` and `--agree`: what a shell gets.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parsePlan } from '../../../core/allocation/planDocument.ts';
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

  it('asks for a text, and for groups it knows', async () => {
    const output = ['-o', join(folder, 'c.quantplan.json')];
    const without = await quantscope(['plan', SAMPLE, ...FLAGS, '--check', ...output]);
    expect([without.code, without.stderr]).toEqual([2, expect.stringContaining('--text FILE or --sample')]);
    const group = await quantscope(['plan', SAMPLE, ...FLAGS, '--agree', 'q-k-v', ...output]);
    expect([group.code, group.stderr]).toEqual([2, expect.stringContaining('qkv, gate-up, experts, tied')]);
  }, 60_000);
});
