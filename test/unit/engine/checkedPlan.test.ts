// Checked plans: the best measured one is given back, and a plan that loses to a known one never is.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { countParameters } from '../../../core/checkpoint/checkpoint.ts';
import { checkedPlan } from '../../../core/engine/checkedPlan.ts';
import { HANDLERS } from '../../../core/engine/handlers.ts';
import { type OpenModel, Session } from '../../../core/engine/session.ts';
import type { RunSettings } from '../../../core/protocol/calibration.ts';
import type { PlanRequest } from '../../../core/protocol/plan.ts';
import { DEFAULT_CHOICES, isQuantizable } from '../../../core/quant/ggufTypes.ts';

const SAMPLE = fileURLToPath(new URL('../../fixtures/sample-llama', import.meta.url));
const cache = mkdtempSync(join(tmpdir(), 'quantscope-check-'));
const session = new Session(() => {}, { threads: 2 });
const signal = new AbortController().signal;
const settings: RunSettings = { text: { kind: 'sample' }, context: 128, sequences: 2, seed: 1 };
let model: OpenModel;

beforeAll(async () => {
  vi.stubEnv('QUANTSCOPE_CACHE', cache);
  model = await session.open(SAMPLE);
  await HANDLERS.sensitivity(session, { model: model.id }, signal);
  await HANDLERS.score(session, { model: model.id, score: 'measuredDivergence', settings }, signal);
}, 60_000);
afterAll(async () => {
  await session[Symbol.asyncDispose]();
  vi.unstubAllEnvs();
  rmSync(cache, { recursive: true });
});

const requestFor = (bitsPerWeight: number, change: Partial<PlanRequest> = {}): PlanRequest => ({
  targetBytes: Math.floor((bitsPerWeight * countParameters(model.checkpoint.tensors)) / 8),
  choices: [...DEFAULT_CHOICES],
  locks: [],
  pins: [],
  minimums: [],
  score: 'measuredDivergence',
  ...change,
});
const check = (request: PlanRequest) =>
  checkedPlan(session, model, request, { settings: { ...settings, seed: 2 }, importance: undefined, signal });

/** Damages told the wrong way around: what is fragile is said to be robust. */
function invertScore(): () => void {
  const table = model.scores.get('measuredDivergence');
  if (table === undefined) throw new Error('no score');
  const rows = new Map([...table.rows].map(([tensor, row]) => [tensor, { ...row, value: 1e-6 / row.value, error: 0 }]));
  model.scores.set('measuredDivergence', { ...table, rows, key: `${table.key} inverted` });
  return () => model.scores.set('measuredDivergence', table);
}

describe('a checked plan', () => {
  it('is the least of what was measured within the budget, rivals of both kinds among it', async () => {
    const request = requestFor(4.5);
    const { solution, measures, written, statement } = await check(request);
    expect(measures[0]?.label).toBe('solved plan');
    expect(measures.some(({ label }) => label.endsWith(' mix'))).toBe(true);
    expect(measures.some(({ label }) => label.startsWith('uniform '))).toBe(true);
    const within = measures.filter(({ bytes }) => bytes <= request.targetBytes);
    const least = Math.min(...within.map(({ divergence }) => divergence.mean));
    const winner = measures.find(({ label }) => label === written);
    expect(winner?.divergence.mean).toBe(least);
    expect(winner?.bytes).toBe(solution.bytes);
    expect(solution.bytes).toBeLessThanOrEqual(request.targetBytes);
    expect(Object.keys(solution.tensors)).toHaveLength(model.checkpoint.tensors.filter(isQuantizable).length);
    expect(statement).toMatch(/plan( \d)? is written: .* % below the best known plan within the budget/);
  }, 60_000);

  it('gives way to a known plan that measures less, and says so', async () => {
    const restore = invertScore();
    try {
      const request = requestFor(4.85);
      const { solution, measures, written, statement } = await check(request);
      const of = (label: string) => measures.find((measure) => measure.label === label)?.divergence.mean ?? 0;
      expect(of('Q4_K_M mix')).toBeLessThan(of('solved plan'));
      const known = measures.filter(({ label, bytes }) => /mix$|^uniform/.test(label) && bytes <= request.targetBytes);
      expect(of(written)).toBeLessThanOrEqual(Math.min(...known.map(({ divergence }) => divergence.mean)));
      expect(statement.startsWith(`${written} is written`)).toBe(true);
      expect(solution.bytes).toBeLessThanOrEqual(request.targetBytes);
      if (written.includes('mix') && !written.includes('filled'))
        expect(solution.tensors['lm_head.weight']?.why).toContain('it changed predictions least');
    } finally {
      restore();
    }
  }, 60_000);

  it('keeps to the rules where a known plan breaks them', async () => {
    const lock = { pattern: 'lm_head', type: 'Q2_K' } as const;
    const { solution, written, statement } = await check(requestFor(4.5, { locks: [lock] }));
    expect(solution.tensors['lm_head.weight']?.type).toBe('Q2_K');
    expect(written).not.toMatch(/mix$|^uniform/);
    expect(statement).toContain('measured less');
    expect(statement).toContain('rules do not allow it');
  }, 60_000);

  it('can be of weights alone: nothing is predicted in nats then', async () => {
    const { score: _, ...request } = requestFor(4.5);
    const { measures, solution } = await check(request);
    expect(solution.bytes).toBeLessThanOrEqual(request.targetBytes);
    expect(measures.length).toBeGreaterThan(3);
  }, 60_000);
});
