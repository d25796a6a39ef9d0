// Measuring a score: kept on disk row by row, gone on with where it stopped, never mixed with other settings.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { createPool } from '../../../core/kernels/pool.ts';
import { measureScore, type NamedRun, type ScoreTable, scoreState } from '../../../core/sensitivity/measureScore.ts';
import { SCORES } from '../../../core/sensitivity/registry.ts';
import type { Score, ScoredTensor } from '../../../core/sensitivity/score.ts';
import { blockOutputError } from '../../../core/sensitivity/scores/blockOutputError.ts';
import { hessianTrace } from '../../../core/sensitivity/scores/hessianTrace.ts';
import { measuredDivergence } from '../../../core/sensitivity/scores/measuredDivergence.ts';
import { propagatedError } from '../../../core/sensitivity/scores/propagatedError.ts';
import { weightError } from '../../../core/sensitivity/scores/weightError.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { sampleRun } from './scoredModel.ts';

const pool = createPool(new URL('../../../core/engine/worker.ts', import.meta.url), 2);
afterAll(() => pool.close());
const folder = temporaryFolder();
let caches = 0;
const cache = (): string => join(folder, `cache${caches}`);
beforeEach(() => {
  caches++;
  mkdirSync(cache());
  process.env.QUANTSCOPE_CACHE = cache();
});

const SETTINGS = { context: 16, sequences: 3, seed: 1 };
const TENSORS = 44;

const rowsOf = ({ rows }: ScoreTable): ScoredTensor[] => [...rows.values()].toSorted((a, b) => a.tensor - b.tensor);
const entries = (): string[] => readdirSync(join(cache(), 'sensitivity')).toSorted();

describe.each(SCORES.map((score) => [score.id, score] as const))('%s', (_id, score) => {
  it('stopped at any row and gone on with, it gives the numbers of a run in one go', async () => {
    const run = await sampleRun(pool, SETTINGS);
    const whole = await measureScore(score, run, { cache: false });
    expect(whole.rows.size).toBe(TENSORS);
    let stopped = 0;
    const until = async (rows: number): Promise<void> => {
      const abort = new AbortController();
      const seen = new Set<number>();
      const stopping = measureScore(score, run, {
        signal: abort.signal,
        onRows(found) {
          for (const { tensor } of found) seen.add(tensor);
          if (seen.size >= rows) abort.abort();
        },
      });
      await expect(stopping).rejects.toMatchObject({ code: 'CANCELLED' });
      stopped++;
      expect((await scoreState(score, run)).known).toBeGreaterThanOrEqual(rows);
    };
    await until(3);
    await until(20);
    expect(stopped).toBe(2);
    const rest: number[] = [];
    const resumed = await measureScore(score, run, { onRows: (rows) => rest.push(...rows.map((row) => row.tensor)) });
    expect(rest.toSorted((a, b) => a - b)).toEqual(rowsOf(whole).map(({ tensor }) => tensor));
    expect(resumed.cached).toBeGreaterThanOrEqual(20);
    expect(rowsOf(resumed)).toEqual(rowsOf(whole));
    expect(resumed.nats).toEqual(whole.nats);

    const again = await measureScore(score, run);
    expect(again.cached).toBe(TENSORS);
    expect(rowsOf(again)).toEqual(rowsOf(whole));
    const { known, of, work } = await scoreState(score, run);
    expect([known, of]).toEqual([TENSORS, TENSORS]);
    expect(Object.values(work).every((count) => count === 0)).toBe(true);
  });
});

describe('what is on disk', () => {
  it('serves the cheaper scores of the same runs', async () => {
    const run = await sampleRun(pool, SETTINGS);
    await measureScore(measuredDivergence, run);
    for (const score of [blockOutputError, propagatedError])
      expect((await measureScore(score, run)).cached).toBe(TENSORS);
    expect((await measureScore(hessianTrace, run)).cached).toBe(0);
  });

  it.each([
    ['another seed', async () => sampleRun(pool, { ...SETTINGS, seed: 2 })],
    ['another length', async () => sampleRun(pool, { ...SETTINGS, context: 24, sequences: 2 })],
    ['another importance', async (run: NamedRun) => ({ ...run, importance: evenImportance(run) })],
  ])('is not taken for %s', async (_what, changed: (run: NamedRun) => Promise<NamedRun>) => {
    const run = await sampleRun(pool, SETTINGS);
    await measureScore(hessianTrace, run);
    expect((await measureScore(hessianTrace, await changed(run))).cached).toBe(0);
  });

  it('is measured again where it is damaged', async () => {
    const run = await sampleRun(pool, SETTINGS);
    const first = await measureScore(weightError, run);
    const [entry = ''] = entries();
    const path = join(cache(), 'sensitivity', entry);
    for (const damaged of ['', '{', '{"at":"","rows":[{"tensor":-1}]}', readFileSync(path, 'utf8').slice(0, -9)]) {
      writeFileSync(path, damaged);
      const again = await measureScore(weightError, run);
      expect(again.cached).toBe(0);
      expect(rowsOf(again)).toEqual(rowsOf(first));
    }
  });
});

describe('what comes with the rows', () => {
  it('names formula, probe, text, seed and data', async () => {
    const run = await sampleRun(pool, SETTINGS);
    const { provenance, nats } = await measureScore(hessianTrace, run);
    expect(provenance.method).toContain('tr(ΔW·H·ΔWᵀ)');
    expect(provenance.method).toContain('Q3_K');
    expect(provenance.method).toContain('3 sequences of 16 tokens from bundled sample, seed 1');
    expect(provenance.method).toContain(run.dataHash.slice(0, 16));
    expect(provenance.fingerprint).toBe(run.checkpoint.fingerprint);
    expect(nats).toBeNull();
  });

  it('makes scores that are proportional to damage add up to the divergence of all tensors quantized', async () => {
    const run = await sampleRun(pool, { context: 32, sequences: 4, seed: 3 });
    const propagated = await measureScore(propagatedError, run);
    const diverging = await measureScore(measuredDivergence, run);
    const sum = rowsOf(propagated).reduce((total, { value }) => total + value * (propagated.nats ?? 0), 0);
    const measured = rowsOf(diverging).reduce((total, row) => total + row.value * row.relativeError, 0);
    // Damages add up only so well: Q3_K everywhere is no small change.
    expect(sum / measured).toBeGreaterThan(0.5);
    expect(sum / measured).toBeLessThan(2);
  });

  it('refuses a text score without a text', async () => {
    const { checkpoint } = await sampleRun(pool, SETTINGS);
    const score: Score = hessianTrace;
    await expect(measureScore(score, { checkpoint, pool })).rejects.toThrow(RangeError);
  });
});

function evenImportance({ checkpoint }: NamedRun): NonNullable<NamedRun['importance']> {
  const columns = (tensor: number): Float32Array =>
    new Float32Array(checkpoint.tensors[tensor]?.shape.at(-1) ?? 0).fill(1);
  return { id: 'even', name: 'even', columns, tensors: TENSORS };
}
