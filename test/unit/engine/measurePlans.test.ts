// Calls `rivals` and `measurePlans`: known plans near a size, measured on the sample without writing a file.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { isQuantscopeError } from '../../../core/base/errors.ts';
import { HANDLERS } from '../../../core/engine/handlers.ts';
import { type OpenModel, Session } from '../../../core/engine/session.ts';
import type { RunSettings } from '../../../core/protocol/calibration.ts';
import { ENGINE_CALLS, EVENTS } from '../../../core/protocol/calls.ts';
import type { PlanRequest } from '../../../core/protocol/plan.ts';
import { typeCode, typesOfCode } from '../../../core/protocol/typeCode.ts';
import { DEFAULT_CHOICES } from '../../../core/quant/ggufTypes.ts';

const SAMPLE = fileURLToPath(new URL('../../fixtures/sample-llama', import.meta.url));
const cache = mkdtempSync(join(tmpdir(), 'quantscope-measure-'));
const heard: { plan: number; run: number }[] = [];
let onHeard = (): void => undefined;
const session = new Session(
  (name, payload) => {
    if (name !== 'measured') return;
    const { plan, run } = EVENTS.measured.parse(payload);
    heard.push({ plan, run });
    onHeard();
  },
  { threads: 2 },
);
const signal = new AbortController().signal;
const settings: RunSettings = { text: { kind: 'sample' }, context: 64, sequences: 3, seed: 1 };
const request: PlanRequest = {
  targetBytes: 3_000_000,
  choices: [...DEFAULT_CHOICES],
  locks: [],
  pins: [],
  minimums: [],
};
let model: OpenModel;

beforeAll(async () => {
  vi.stubEnv('QUANTSCOPE_CACHE', cache);
  model = await session.open(SAMPLE);
});
afterAll(async () => {
  await session[Symbol.asyncDispose]();
  vi.unstubAllEnvs();
  rmSync(cache, { recursive: true });
});

const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no error',
    (error: unknown) => (isQuantscopeError(error) ? error.code : String(error)),
  );

describe('known plans near a size', () => {
  it('are of both kinds, and of every tensor', async () => {
    expect(await codeOf(HANDLERS.rivals(session, { model: model.id, request }, signal))).toBe('PLAN_INVALID');
    await HANDLERS.sensitivity(session, { model: model.id }, signal);
    const { rivals } = ENGINE_CALLS.rivals.result.parse(
      await HANDLERS.rivals(session, { model: model.id, request }, signal),
    );
    expect(rivals.some(({ label, bytes }) => label.endsWith(' mix') && bytes <= request.targetBytes)).toBe(true);
    expect(rivals.some(({ label, bytes }) => !label.endsWith(' mix') && bytes <= request.targetBytes)).toBe(true);
    for (const { code } of rivals) expect(typesOfCode(code).filter((type) => type != null)).toHaveLength(6 * 7 + 2);
  });

  it('measured: more bytes diverge less; predicted once single tensors were measured', async () => {
    const { rivals } = await HANDLERS.rivals(session, { model: model.id, request }, signal);
    const code = typeCode(typesOfCode(rivals[0]?.code ?? '').map((type) => (type == null ? null : 'Q2_K')));
    const plans = [{ label: 'small', bytes: 1, bitsPerWeight: 1, code }, ...rivals];
    const run = async () =>
      ENGINE_CALLS.measurePlans.result.parse(
        await HANDLERS.measurePlans(session, { model: model.id, plans, settings }, signal),
      ).measures;
    const before = await run();
    expect(before.map(({ label }) => label)).toEqual(plans.map(({ label }) => label));
    for (const measure of before) {
      expect(measure.predicted).toBeNaN();
      expect(measure.divergence.mean).toBeGreaterThan(measure.divergence.error);
      expect(measure.divergence.p999).toBeGreaterThanOrEqual(measure.divergence.p99);
      expect(measure.tokens).toBe(3 * 64);
      expect(measure.tokensPerSecond).toBeGreaterThan(0);
      expect(measure.speedBasis).toContain('estimate');
    }
    expect(before[0]?.divergence.mean).toBeGreaterThan(3 * (before.at(-1)?.divergence.mean ?? 1));
    expect(before[0]?.tokensPerSecond).toBeGreaterThan(before.at(-1)?.tokensPerSecond ?? 0);
    await HANDLERS.score(session, { model: model.id, score: 'measuredDivergence', settings }, signal);
    const after = await run();
    for (const [at, { predicted, divergence }] of after.entries()) {
      expect(divergence).toEqual(before[at]?.divergence);
      if (at > 0) expect(Math.abs(Math.log(predicted / divergence.mean))).toBeLessThan(0.5);
    }
  }, 120_000);

  it('a cancelled call keeps what it measured; made again, it goes on and comes to the same', async () => {
    const { rivals } = await HANDLERS.rivals(session, { model: model.id, request }, signal);
    const plans = rivals.slice(0, 2);
    const other = { ...settings, seed: 2 };
    const cancel = new AbortController();
    heard.length = 0;
    onHeard = () => cancel.abort();
    const call = (run: number, aborted: AbortSignal) =>
      HANDLERS.measurePlans(session, { model: model.id, plans, settings: other, run }, aborted);
    expect(await codeOf(call(1, cancel.signal))).toBe('CANCELLED');
    expect(heard).toEqual([{ plan: 0, run: 1 }]);
    const { measures } = await call(2, signal);
    expect(heard.slice(1).map(({ plan }) => plan)).toEqual([0, 1]);
    const [first] = measures;
    const before = Date.now();
    const again = (await call(3, signal)).measures;
    expect(again).toEqual(measures);
    expect(Date.parse(first?.provenance.at ?? '')).toBeLessThan(before);
    // Not as one beside the other: what runs together does not change what each measures.
    vi.stubEnv('QUANTSCOPE_CACHE', `${cache}-fresh`);
    const afresh = (
      await HANDLERS.measurePlans(session, { model: model.id, plans: plans.slice(1), settings: other }, signal)
    ).measures;
    vi.stubEnv('QUANTSCOPE_CACHE', cache);
    rmSync(`${cache}-fresh`, { recursive: true });
    expect(afresh[0]?.divergence).toEqual(measures[1]?.divergence);
  }, 60_000);

  it('refuses plans that do not fit', async () => {
    const [rival] = (await HANDLERS.rivals(session, { model: model.id, request }, signal)).rivals;
    const measure = (code: string) =>
      codeOf(
        HANDLERS.measurePlans(
          session,
          { model: model.id, settings, plans: [{ label: 'x', bytes: 1, bitsPerWeight: 1, code }] },
          signal,
        ),
      );
    const code = rival?.code ?? '';
    const { tensors } = model.checkpoint;
    const at = (name: string): number => tensors.findIndex((tensor) => tensor.name === name);
    const changed = (name: string, letter: string): string =>
      code.slice(0, at(name)) + letter + code.slice(at(name) + 1);
    expect(code).toHaveLength(tensors.length);
    expect(await measure(changed('lm_head.weight', 'z'))).toBe('TYPE_UNKNOWN');
    expect(await measure(changed('model.norm.weight', 'a'))).toBe('PLAN_MISMATCH');
    expect(await measure(changed('lm_head.weight', '.'))).toBe('PLAN_MISMATCH');
    expect(await measure(code.slice(1))).toBe('PLAN_MISMATCH');
  });
});
