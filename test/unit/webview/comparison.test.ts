import { describe, expect, it } from 'vitest';
import type { PlanMeasure, Rival, RunSettings } from '../../../core/protocol/calibration.ts';
import { spellFigures } from '../../../core/protocol/figures.ts';
import type { Solution } from '../../../core/protocol/plan.ts';
import { typeCode, typesOfCode } from '../../../core/protocol/typeCode.ts';
import { GGUF_TARGETS, type GgufTarget } from '../../../core/quant/ggufTypes.ts';
import { bestMeasured, comparedPlans, currentPlan, defeat, takenOver } from '../../../webview/app/comparison.ts';
import {
  addMeasures,
  type Comparison,
  type KeptPlan,
  keep,
  keptPlan,
  measureOf,
  NOTHING_COMPARED,
  planKey,
  unkeep,
} from '../../../webview/app/keptPlans.ts';
import { damageWords } from '../../../webview/app/useDamageWords.ts';
import { INITIAL_VIEW_STATE, parseViewState } from '../../../webview/app/viewState.ts';

const NAMES = ['a', 'norm', '__proto__', 'b'];
const SETTINGS: RunSettings = { text: { kind: 'sample' }, context: 64, sequences: 2, seed: 1 };
const BASIS = { settings: SETTINGS, calibration: 'c' };

function solution(types: Record<string, 'Q4_K' | 'Q6_K'>, bytes = 1000): Solution {
  const tensors = Object.entries(types).map(
    ([name, type]) => [name, { type, bytes: 1, relativeError: 0.01, damage: 0.01, why: '' }] as const,
  );
  const feasible = { minBytes: 1, maxBytes: 1e6 };
  return { bytes, bitsPerWeight: 4, damage: 0.1, gap: 0, feasible, tensors: Object.fromEntries(tensors) };
}

function measure(label: string, mean: number, error = 0.0001): PlanMeasure {
  return {
    label,
    bytes: 1000,
    bitsPerWeight: 4,
    predicted: Number.NaN,
    divergence: { mean, error, p99: mean * 5, p999: mean * 20 },
    perplexity: 14,
    perplexityError: 0.1,
    originalPerplexity: 13.9,
    topAgreement: 0.98,
    topAgreementError: 0.001,
    tokens: 128,
    tokensPerSecond: Number.NaN,
    speedBasis: '',
    provenance: { kind: 'measured', method: 'm', at: '2026-01-01', fingerprint: 'f' },
  };
}

const ours = solution({ a: 'Q4_K', ['__proto__']: 'Q6_K', b: 'Q6_K' });
const rival = (label: string, bytes: number, type: GgufTarget): Rival => ({
  label,
  bytes,
  bitsPerWeight: 4,
  code: typeCode(NAMES.map((name) => (name === 'norm' ? null : type))),
});
const measured = (entries: readonly (readonly [Rival, number])[], error?: number): Comparison =>
  addMeasures(
    NOTHING_COMPARED,
    entries.map(([plan]) => plan),
    entries.map(([plan, mean]) => measure(plan.label, mean, error)),
    BASIS,
  );
const compare = (comparison: Comparison, rivals: readonly Rival[], basis = BASIS) =>
  comparedPlans({ solution: ours, rivals, comparison, names: NAMES, score: null, basis });

describe('kept plans', () => {
  it('come back as they were, tensors called __proto__ included', () => {
    const kept = keptPlan('mine', ours, null, NAMES);
    expect(kept?.code).toHaveLength(NAMES.length);
    expect(typesOfCode(kept?.code ?? '')).toEqual(['Q4_K', null, 'Q6_K', 'Q6_K']);
    expect(kept?.code).toBe(currentPlan(ours, NAMES).code);
    const other = keep(NOTHING_COMPARED, { ...(kept as KeptPlan), code: '....' });
    expect(compare(other, []).map(({ kind }) => kind)).toEqual(['current', 'kept']);
    const elsewhere = keep(NOTHING_COMPARED, { ...(kept as KeptPlan), code: 'aaa' });
    expect(compare(elsewhere, []).map(({ kind }) => kind)).toEqual(['current']);
  });

  it('differ in their key by a single type', () => {
    const codes = GGUF_TARGETS.flatMap((a) => GGUF_TARGETS.map((b) => typeCode([null, a, b, null])));
    const keys = new Set(codes.map(planKey));
    expect(keys.size).toBe(GGUF_TARGETS.length ** 2);
    for (const key of keys) expect(key).toMatch(/^[0-9a-f]{16}$/);
  });

  it('are kept once each, the newest first, within what a view state holds', () => {
    let comparison = NOTHING_COMPARED;
    for (let i = 0; i < 20; i++) {
      const plan = keptPlan(`plan ${i}`, solution({ a: i % 2 === 0 ? 'Q4_K' : 'Q6_K' }), null, NAMES);
      if (plan !== null) comparison = keep(comparison, plan);
    }
    expect(comparison.kept.map(({ label }) => label)).toEqual(['plan 19', 'plan 18']);
    const [first] = comparison.kept;
    expect(first && unkeep(comparison, first).kept).toHaveLength(1);
    // A plan of 300,000 tensors leaves no room for a second one.
    const names = Array.from({ length: 300_000 }, (_, i) => `t${i}`);
    const big = (type: 'Q4_K' | 'Q6_K') => keptPlan(type, solution({ t0: type }), null, names);
    const [one, two] = [big('Q4_K'), big('Q6_K')];
    if (one === null || two === null) throw new Error('not kept');
    expect(keep(keep(NOTHING_COMPARED, one), two).kept).toEqual([two]);
    expect(keptPlan('x', ours, null, new Array(500_000).fill('t'))).toBeNull();
  });

  it('survive a saved view state with what was measured, NaN included', () => {
    const comparison = { ...measured([[currentPlan(ours, NAMES), 0.01]]), fingerprint: 'f' };
    const text = JSON.stringify(spellFigures({ ...INITIAL_VIEW_STATE, comparison }));
    const back = parseViewState(text)?.comparison;
    expect(back).toEqual(comparison);
    expect(back?.measures[0]?.measure.predicted).toBeNaN();
  });
});

describe('comparison', () => {
  const mix = rival('Q4_K_M', 1000, 'Q4_K');
  const large = rival('uniform Q6_K', 1400, 'Q6_K');

  it('shows equal plans once and measures only of the present text', () => {
    const same = { ...rival('twin', 1000, 'Q2_K'), code: currentPlan(ours, NAMES).code };
    const plans = compare(measured([[currentPlan(ours, NAMES), 0.02]]), [same, mix]);
    expect(plans.map(({ kind }) => kind)).toEqual(['current', 'rival']);
    expect(plans[0]?.measure?.divergence.mean).toBe(0.02);
    const elsewhere = compare(measured([[currentPlan(ours, NAMES), 0.02]]), [mix], {
      ...BASIS,
      settings: { ...SETTINGS, seed: 2 },
    });
    expect(compare(measured([[mix, 0.02]]), [mix], { ...BASIS, calibration: '' })[1]?.measure).toBeNull();
    expect(elsewhere.every((plan) => plan.measure === null)).toBe(true);
  });

  it('calls none the best before two are measured', () => {
    expect(bestMeasured(compare(NOTHING_COMPARED, [mix, large]), 1000)).toBeNull();
    expect(bestMeasured(compare(measured([[mix, 0.01]]), [mix, large]), 1000)).toBeNull();
  });

  it('a larger plan is never the best of this size, nor beats ours', () => {
    const plans = compare(
      measured([
        [currentPlan(ours, NAMES), 0.02],
        [large, 0.001],
      ]),
      [large],
    );
    expect(bestMeasured(plans, 1000)).toBeNull();
    expect(defeat(plans)).toBeNull();
  });

  it('says when a plan of this size measured better, and whether the errors leave it open', () => {
    const clear = defeat(
      compare(
        measured([
          [currentPlan(ours, NAMES), 0.02],
          [mix, 0.01],
        ]),
        [mix],
      ),
    );
    expect(clear?.winner.plan.label).toBe('Q4_K_M');
    expect(clear?.by).toBeCloseTo(0.01, 12);
    expect(clear?.sure).toBe(true);
    expect(
      defeat(
        compare(
          measured(
            [
              [currentPlan(ours, NAMES), 0.02],
              [mix, 0.019],
            ],
            0.01,
          ),
          [mix],
        ),
      )?.sure,
    ).toBe(false);
    expect(
      defeat(
        compare(
          measured([
            [currentPlan(ours, NAMES), 0.01],
            [mix, 0.02],
          ]),
          [mix],
        ),
      ),
    ).toBeNull();
  });

  it('a newer measure of the same plan on the same text replaces the older', () => {
    const once = measured([[mix, 0.01]]);
    const twice = addMeasures(once, [mix], [measure('Q4_K_M', 0.03)], BASIS);
    expect(twice.measures).toHaveLength(1);
    expect(measureOf(twice, planKey(mix.code), BASIS)?.divergence.mean).toBe(0.03);
    const elsewhere = addMeasures(once, [mix], [measure('Q4_K_M', 0.03)], {
      ...BASIS,
      settings: { ...SETTINGS, context: 128 },
    });
    expect(elsewhere.measures).toHaveLength(2);
  });

  it('taking a plan over pins every tensor under a budget that fits; what it leaves as it is, is left out', () => {
    const state = { ...INITIAL_VIEW_STATE, targetBytes: 900 };
    const { pins, targetBytes } = takenOver(state, mix, NAMES);
    expect(targetBytes).toBe(1000);
    expect(pins?.map(({ name }) => name)).toEqual(['__proto__', 'a', 'b']);
  });
});

describe('words of damage', () => {
  it('predict in nats only where a measured score is gone by', () => {
    expect(damageWords(null, null)).toMatchObject({ short: 'damage', nats: false });
    expect(damageWords(null, 'wiki.txt').meaning).toContain('importance from wiki.txt');
    expect(damageWords('measured KL', null)).toMatchObject({ short: 'KL', nats: true });
  });
});
