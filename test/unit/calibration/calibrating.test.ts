// Calibration through the engine's calls: cost, runs that stop and go on, stale results, importance in use, bad input.

import { cpSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { prepareRun } from '../../../core/calibration/calibrationRun.ts';
import { CalibrationStore } from '../../../core/calibration/calibrationStore.ts';
import { statisticsBytes } from '../../../core/calibration/statisticsBytes.ts';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { calibrate, exportImatrix, importImatrix, runCost } from '../../../core/engine/calibrating.ts';
import { measureActivations } from '../../../core/engine/calibratingRun.ts';
import { chooseImportance, importanceInUse, shownCalibration } from '../../../core/engine/calibratingState.ts';
import { activations, mapOfActivations, tokenMap } from '../../../core/engine/calibratingViews.ts';
import { exportModel } from '../../../core/engine/exporting.ts';
import { solveFor } from '../../../core/engine/planning.ts';
import { scanModelSensitivity } from '../../../core/engine/sensitivityCall.ts';
import { type OpenModel, Session } from '../../../core/engine/session.ts';
import { runExport } from '../../../core/export/runExport.ts';
import type { RunSettings } from '../../../core/protocol/calibration.ts';
import { zPlanRequest } from '../../../core/protocol/plan.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { planFor } from '../export/plans.ts';
import { SAMPLE } from './captured.ts';

/** Two runs of some 9,000 tokens on a machine that has other things to do. */
const BUSY_MS = 120_000;

const folder = temporaryFolder();
const session = new Session(() => {}, { threads: 2 });
afterAll(() => session[Symbol.asyncDispose]());
const { signal } = new AbortController();

const useCache = (name: string): void => {
  process.env.QUANTSCOPE_CACHE = join(folder, name);
};
const settingsOf = (changes: Partial<RunSettings> = {}): RunSettings => ({
  text: { kind: 'sample' },
  context: 32,
  sequences: 8,
  seed: 1,
  ...changes,
});
/** A copy of the sample that may be changed. */
function copyOf(name: string): string {
  const path = join(folder, name);
  cpSync(SAMPLE, path, { recursive: true });
  return path;
}
const open = (path: string): Promise<OpenModel> => session.open(path, signal);

describe('cost', () => {
  test('what the text gives, an estimate, nothing left once it ran', async () => {
    useCache('cost');
    const model = await open(SAMPLE);
    const cost = await runCost(session, model, settingsOf({ sequences: 1_000_000 }), signal);
    expect(cost).toMatchObject({ blocker: null, device: 'CPU, 2 threads' });
    expect(cost.tokens).toBe(cost.sequences * 32);
    expect(cost.seconds).toBeGreaterThan(0);
    expect(cost.memoryBytes).toBeGreaterThan(3_000_000); // a block's weights
    await calibrate(session, model, settingsOf(), signal);
    expect((await runCost(session, model, settingsOf(), signal)).seconds).toBe(0);
  });

  test.each<[string, RunSettings, RegExp]>([
    ['a text shorter than a context', settingsOf({ text: { kind: 'file', path: 'short.txt' } }), /one sequence of 32/],
    ['no text', settingsOf({ text: { kind: 'file', path: 'nowhere.txt' } }), /nowhere\.txt/],
    ['broken lines', settingsOf({ text: { kind: 'file', path: 'broken.jsonl' } }), /broken\.jsonl: line 2: not a JSON/],
    ['a context beyond the model', settingsOf({ context: 4096 }), /4096 tokens, the model was made for 256/],
  ])('%s is told before anything runs', async (_, settings, blocker) => {
    const { text } = settings;
    writeFileSync(join(folder, 'short.txt'), 'To be.');
    writeFileSync(join(folder, 'broken.jsonl'), '{"text": "a"}\nnot JSON\n');
    const own = text.kind === 'file' ? { ...settings, text: { ...text, path: join(folder, text.path) } } : settings;
    const model = await open(SAMPLE);
    expect((await runCost(session, model, own, signal)).blocker).toMatch(blocker);
    await expect(calibrate(session, model, own, signal)).rejects.toThrow(blocker);
  });

  test('models that cannot run', async () => {
    const silent = copyOf('without-tokenizer');
    rmSync(join(silent, 'tokenizer.json'));
    expect((await runCost(session, await open(silent), settingsOf(), signal)).blocker).toMatch(/no tokenizer\.json/);

    const unknown = copyOf('unknown');
    const config = join(unknown, 'config.json');
    const changed = { ...JSON.parse(readFileSync(config, 'utf8')), architectures: ['Mystery'], model_type: 'mystery' };
    writeFileSync(config, JSON.stringify(changed));
    expect((await runCost(session, await open(unknown), settingsOf(), signal)).blocker).toMatch(/[Mm]ystery/);

    const stranger = copyOf('other-vocabulary');
    const tokenizer = join(stranger, 'tokenizer.json');
    const json = JSON.parse(readFileSync(tokenizer, 'utf8'));
    const added = { content: 'Bennet', special: false, single_word: false, lstrip: false, rstrip: false };
    writeFileSync(
      tokenizer,
      JSON.stringify({ ...json, added_tokens: [...json.added_tokens, { ...added, id: 70_000, normalized: false }] }),
    );
    const { blocker } = await runCost(session, await open(stranger), settingsOf({ sequences: 1000 }), signal);
    expect(blocker).toMatch(/token 70000 of the text, the model has \d+/);
  });
});

describe('running', () => {
  test('a run that is cancelled goes on where it was saved, to the same numbers bit for bit', {
    timeout: BUSY_MS,
  }, async () => {
    const settings = settingsOf({ context: 128, sequences: 70 }); // two groups
    const checkpoint = await openCheckpoint(SAMPLE);
    const measured = async (cache: string, stopAt: number) => {
      useCache(cache);
      const run = await prepareRun(checkpoint, session.pool, settings);
      const stop = new AbortController();
      let steps = 0;
      const statistics = await measureActivations(run, await CalibrationStore.open(), {
        signal: stop.signal,
        onProgress: () => {
          if (++steps === stopAt) stop.abort();
        },
      });
      return { steps, statistics };
    };
    const whole = await measured('whole', Number.POSITIVE_INFINITY);
    expect(whole.statistics.sequences).toBe(70);
    const inSecondGroup = whole.steps - 5;
    await expect(measured('stopped', inSecondGroup)).rejects.toMatchObject({ code: 'CANCELLED' });
    const rest = await measured('stopped', Number.POSITIVE_INFINITY);
    expect(rest.steps).toBeLessThan(whole.steps / 2);
    const bytes = (of: typeof whole): Buffer => Buffer.from(statisticsBytes(of.statistics));
    expect(bytes(rest).equals(bytes(whole))).toBe(true);
  });

  test('weights that change while they are read leave nothing behind', async () => {
    useCache('changed');
    const path = copyOf('written-over');
    const model = await open(path);
    const run = await prepareRun(model.checkpoint, session.pool, settingsOf());
    const store = await CalibrationStore.open();
    const onProgress = (): void => utimesSync(join(path, 'model.safetensors'), new Date(), new Date(1e12));
    await expect(measureActivations(run, store, { onProgress })).rejects.toMatchObject({ code: 'FILE_CHANGED' });
    expect(await store.statistics(run.id, 'sample')).toBeNull();
  });

  test('the same run has the same id and is not run again; another text has another', async () => {
    useCache('again');
    const model = await open(SAMPLE);
    const first = await calibrate(session, model, settingsOf(), signal);
    expect(first).toMatchObject({ kind: 'measured', tokens: 256, sequences: 8, tensors: 42, stale: false });
    expect(first.dataHash).toMatch(/^[0-9a-f]{64}$/);
    const again = await calibrate(session, await open(SAMPLE), settingsOf(), signal);
    expect(again).toEqual(first);
    const other = await calibrate(session, model, settingsOf({ seed: 2 }), signal);
    expect(other.id).not.toBe(first.id);
    expect((await shownCalibration(await open(SAMPLE)))?.id).toBe(other.id);
  });

  test('what the views show is what was measured', async () => {
    useCache('views');
    const model = await open(SAMPLE);
    await expect(activations(session, model)).rejects.toMatchObject({ code: 'USAGE' });
    await calibrate(session, model, settingsOf(), signal);
    const reopened = await open(SAMPLE);
    const found = await activations(session, reopened);
    expect(found.rows).toHaveLength(6 * 5);
    expect(found.taps.map(({ tap }) => tap)).toEqual(['attn_in', 'o_in', 'ffn_in', 'down_in', 'hidden']);
    expect(found.rows.every(({ rows }) => rows === 256)).toBe(true);
    const map = await mapOfActivations(reopened, { tap: 'down_in', statistic: 'absMax', width: 16 });
    for (const layer of map.layers) {
      const row = found.rows.find((one) => one.layer === layer && one.tap === 'down_in');
      expect(Math.max(...map.values.subarray(layer * 16, layer * 16 + 16))).toBe(row?.absMax);
    }
    await expect(mapOfActivations(reopened, { tap: 'x', statistic: 'rms', width: 8 })).rejects.toMatchObject({
      code: 'TENSOR_NOT_FOUND',
    });
  });

  test('a prompt, token by token', async () => {
    const model = await open(SAMPLE);
    const wish = { prompt: 'What say you, my lord?', layer: 2, tap: 'ffn_in', width: 256 };
    const map = await tokenMap(session, model, wish, signal);
    expect(map.tokens.join('')).toBe('What say you, my lord?');
    expect(map.values).toHaveLength(map.tokens.length * 256);
    // What a token is depends on those before it only: the rows of a shorter prompt are the same.
    const shorter = await tokenMap(session, model, { ...wish, prompt: 'What say you,' }, signal);
    const rows = map.values.subarray(0, shorter.values.length);
    expect(shorter.values.every((value, i) => Math.abs(value - (rows[i] ?? 0)) < 1e-4)).toBe(true);
    for (const wrong of [{ layer: 6 }, { tap: 'nothing' }])
      await expect(tokenMap(session, model, { ...wish, ...wrong }, signal)).rejects.toMatchObject({
        code: 'TENSOR_NOT_FOUND',
      });
  });
});

describe('importance', () => {
  test('written, read again, and of the same values', async () => {
    useCache('matrices');
    const model = await open(SAMPLE);
    const output = join(folder, 'out.gguf');
    await expect(exportImatrix(model, { output, overwrite: false })).rejects.toMatchObject({ code: 'USAGE' });
    await calibrate(session, model, settingsOf(), signal);
    const measured = await importanceInUse(model);
    await exportImatrix(model, { output, overwrite: false });
    await expect(exportImatrix(model, { output, overwrite: false })).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    const other = await open(copyOf('other'));
    const imported = await importImatrix(session, other, output, signal);
    expect(imported).toMatchObject({
      kind: 'imported',
      source: 'out.gguf',
      activations: false,
      tensors: 42,
      tokens: 256,
    });
    await expect(activations(session, other)).rejects.toMatchObject({
      message: expect.stringMatching(/importance alone/),
    });
    const again = await importanceInUse(other);
    for (const { index } of model.checkpoint.tensors) {
      const [before, after] = [measured?.columns(index), again?.columns(index)];
      expect(after?.length).toBe(before?.length);
      before?.forEach((value, i) => {
        // A sum in float32 between the two.
        expect(Math.abs((after?.[i] ?? 0) - value)).toBeLessThanOrEqual(2e-7 * value);
      });
    }
  });

  test('is named in exported files; a command line can choose another, or none', async () => {
    useCache('exports');
    const model = await open(SAMPLE);
    const { checkpoint } = model;
    const plan = planFor(checkpoint, () => 'Q4_K');
    const exported = async (name: string): Promise<Record<string, unknown>> => {
      const output = join(folder, name);
      const importance = await importanceInUse(model);
      await runExport('gguf', { checkpoint, plan, output, overwrite: false, importance }, { pool: session.pool });
      return (await openCheckpoint(output)).metadata;
    };
    expect(Object.keys(await exported('plain.gguf')).filter((key) => key.startsWith('quantize.'))).toEqual([]);
    await calibrate(session, model, settingsOf(), signal);
    expect(await exported('calibrated.gguf')).toMatchObject({
      'quantize.imatrix.file': 'measured by Quantscope',
      'quantize.imatrix.dataset': 'bundled sample',
      'quantize.imatrix.entries_count': 42,
      'quantize.imatrix.chunks_count': 8,
    });
    chooseImportance(model, null);
    expect(await importanceInUse(model)).toBeUndefined();
  });

  test('plans are made anew with it, to the exact size of the file that names it', async () => {
    useCache('plans');
    await using quick = new Session(() => {}, { threads: 2, sensitivityElements: 16_384 });
    const model = await quick.open(SAMPLE, signal);
    const request = { targetBytes: 3_200_000, choices: ['Q2_K', 'Q4_K', 'Q6_K'], locks: [], pins: [], minimums: [] };
    const plan = async () => {
      await scanModelSensitivity(quick, model, signal, undefined, await importanceInUse(model));
      const { solveMs: _, ...solution } = await solveFor(model, zPlanRequest.parse(request));
      return solution;
    };
    const before = await plan();
    await calibrate(quick, model, settingsOf(), signal);
    const after = await plan();
    expect(after.damage).not.toBe(before.damage);
    const output = join(folder, 'planned.gguf');
    const planned = { ...planFor(model.checkpoint, () => 'Q4_K'), solution: after };
    const wish = { plan: planned, format: 'gguf', output, overwrite: false } as const;
    const written = await exportModel(quick, model, { ...wish, importance: await importanceInUse(model) }, signal);
    expect(written.bytes).toBe(after.bytes);
  });

  test('of a file that changed since is shown as stale and used by nobody', async () => {
    useCache('stale');
    const path = copyOf('changing');
    const model = await open(path);
    await calibrate(session, model, settingsOf(), signal);
    utimesSync(join(path, 'model.safetensors'), new Date(), new Date(Date.now() + 60_000));
    expect(await shownCalibration(model)).toMatchObject({ stale: true });
    expect(await importanceInUse(model)).toBeUndefined();
    await expect(activations(session, model)).rejects.toMatchObject({ code: 'FILE_CHANGED' });
    const reopened = await open(path);
    expect(await shownCalibration(reopened)).toMatchObject({ stale: true, source: 'bundled sample' });
    expect(await importanceInUse(reopened)).toBeUndefined();
    expect(await calibrate(session, reopened, settingsOf(), signal)).toMatchObject({ stale: false });
    expect(await importanceInUse(reopened)).toBeDefined();
  });

  test('is not kept where the cache cannot be written, and works all the same', async () => {
    writeFileSync(join(folder, 'not-a-folder'), '');
    useCache('not-a-folder');
    const model = await open(SAMPLE);
    expect(await calibrate(session, model, settingsOf(), signal)).toMatchObject({ stale: false });
    expect((await activations(session, model)).rows).toHaveLength(30);
    expect(await shownCalibration(await open(SAMPLE))).toBeNull();
  });
});
