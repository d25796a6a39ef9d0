// Sensitivity scores as the editor and the command line ask for them: priced, measured, kept, planned by.

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ENGINE_CALLS, EVENTS } from '../../../core/protocol/calls.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { writeSafetensors } from '../../fixtures/writeSafetensors.ts';
import { type Engine, outcomeOf, quantscope, SAMPLE, startEngine } from './program.ts';

const folder = temporaryFolder();
const TENSORS = 44;
const settings = { text: { kind: 'sample' }, context: 32, sequences: 3, seed: 1 };
const request = { targetBytes: 2_900_000, choices: ['Q2_K', 'Q4_K', 'Q6_K'], locks: [], pins: [], minimums: [] };

async function open(engine: Engine, path: string): Promise<number> {
  return ENGINE_CALLS.open.result.parse(await engine.connection.sendRequest('open', { path })).model;
}

async function methodsOf({ connection }: Engine, model: number) {
  const found = await connection.sendRequest('scoreMethods', { model, settings });
  return new Map(ENGINE_CALLS.scoreMethods.result.parse(found).methods.map((method) => [method.id, method]));
}

describe('over rpc', () => {
  it('prices every score, measures one, knows it from then on, and plans by it', async () => {
    await using engine = startEngine();
    const { connection } = engine;
    const model = await open(engine, SAMPLE);
    const before = await methodsOf(engine, model);
    expect([...before.keys()]).toEqual(
      expect.arrayContaining(['weightError', 'hessianTrace', 'fisher', 'measuredDivergence']),
    );
    for (const { seconds, known, of, blocker, unit, formula } of before.values()) {
      expect(seconds).toBeGreaterThan(0);
      expect([known, of, blocker]).toEqual([0, TENSORS, null]);
      expect(unit.length * formula.length).toBeGreaterThan(0);
    }
    expect(before.get('measuredDivergence')?.seconds).toBeGreaterThan(before.get('blockOutputError')?.seconds ?? 0);

    await connection.sendRequest('sensitivity', { model });
    const byScore = { ...request, score: 'measuredDivergence' };
    expect(await outcomeOf(connection.sendRequest('solve', { model, request: byScore }))).toMatchObject({
      code: 'PLAN_INVALID',
      message: expect.stringContaining('has not been measured'),
    });

    const rows = new Map<number, number>();
    connection.onNotification('scores', (event) => {
      for (const { tensor, value } of EVENTS.scores.parse(event).rows) rows.set(tensor, value);
    });
    const ask = async () =>
      ENGINE_CALLS.score.result.parse(
        await connection.sendRequest('score', { model, score: 'measuredDivergence', settings }),
      );
    expect(await ask()).toMatchObject({ tensors: TENSORS, cached: 0, provenance: { kind: 'measured' } });
    expect(rows.size).toBe(TENSORS);
    const first = new Map(rows);
    rows.clear();
    expect(await ask()).toMatchObject({ tensors: TENSORS, cached: TENSORS });
    expect(rows).toEqual(first);
    const after = await methodsOf(engine, model);
    for (const id of ['measuredDivergence', 'propagatedError', 'blockOutputError'] as const)
      expect(after.get(id)).toMatchObject({ known: TENSORS, seconds: 0 });
    expect(after.get('hessianTrace')?.known).toBe(0);

    const solve = async (asked: object) =>
      ENGINE_CALLS.solve.result.parse(await connection.sendRequest('solve', { model, request: asked }));
    const [plain, measured] = [await solve(request), await solve(byScore)];
    const types = ({ tensors }: typeof plain) => Object.values(tensors).map(({ type }) => type);
    expect(types(measured)).not.toEqual(types(plain));
    expect(measured.bytes).toBeLessThanOrEqual(request.targetBytes);
    expect(types(await solve(request))).toEqual(types(plain));
    const preview = { model, request: byScore };
    const seen = ENGINE_CALLS.preview.result.parse(await connection.sendRequest('preview', preview));
    expect(seen.damage).toBeCloseTo(measured.damage, 12);

    // A score that says too little of predictions is measured and shown, and not planned by.
    await connection.sendRequest('score', { model, score: 'hessianTrace', settings });
    expect(after.get('hessianTrace')?.plans).toBe(false);
    const refused = connection.sendRequest('solve', { model, request: { ...request, score: 'hessianTrace' } });
    expect(await outcomeOf(refused)).toMatchObject({
      code: 'PLAN_INVALID',
      message: expect.stringContaining('too little'),
    });
  }, 60_000);

  it('says why a model cannot run, and measures what needs no running', async () => {
    const path = join(folder, 'model.safetensors');
    const values = Float32Array.from({ length: 64 * 256 }, (_, i) => Math.sin(i));
    writeSafetensors(path, [
      { name: 'model.layers.0.mlp.up_proj.weight', dtype: 'F32', shape: [64, 256], data: values },
    ]);
    await using engine = startEngine();
    const model = await open(engine, path);
    const methods = await methodsOf(engine, model);
    expect(methods.get('fisher')).toMatchObject({ blocker: expect.stringContaining('config.json'), known: 0 });
    expect(methods.get('weightError')).toMatchObject({ blocker: null, of: 1 });
    const ask = (score: string) => engine.connection.sendRequest('score', { model, score, settings });
    expect(await outcomeOf(ask('weightError'))).toMatchObject({ tensors: 1 });
    expect(await outcomeOf(ask('fisher'))).toMatchObject({ code: 'UNSUPPORTED_ARCHITECTURE' });
  }, 30_000);
});

describe('on the command line', () => {
  const TEXT = ['--sample', '--context', '32', '--sequences', '2'];

  it('tells what it will take, then what it found, most fragile first', async () => {
    const { code, stdout, stderr } = await quantscope(['sensitivity', SAMPLE, '--score', 'blockOutputError', ...TEXT]);
    expect(code).toBe(0);
    expect(stderr).toMatch(/block output error: 44 of 44 tensors to measure, about \d+ s/);
    expect(stdout).toMatch(/^Block output error \(share of ‖y‖²\), most fragile first; .*seed 0, sha256/);
    const values = stdout
      .split('\n')
      .slice(3)
      .flatMap((line) => (line === '' ? [] : [Number(line.split(/\s+/)[1])]));
    expect(values).toHaveLength(TENSORS);
    expect(values).toEqual(values.toSorted((a, b) => b - a));
  });

  it('gives rows with errors, probe and curve as JSON', async () => {
    const { code, stdout } = await quantscope(['sensitivity', SAMPLE, '--score', 'propagatedError', ...TEXT, '--json']);
    expect(code).toBe(0);
    const { score, unit, settings: ran, tensors } = JSON.parse(stdout);
    expect({ score, unit }).toEqual({ score: 'propagatedError', unit: 'share of ‖y‖²' });
    expect(ran).toEqual({ text: { kind: 'sample' }, context: 32, sequences: 2, seed: 0 });
    const row = tensors.find(({ name }: { name: string }) => name === 'model.layers.2.mlp.down_proj.weight');
    expect(row).toMatchObject({ probe: 'Q3_K', value: row.curve.at(-1) });
    expect(row.curve).toHaveLength(4);
    expect(row.error).toBeGreaterThan(0);
  });

  it('plans by a score', async () => {
    const output = join(folder, 'fisher.quantplan.json');
    const target = ['--target-bpw', '4.5', '-o', output];
    const { code, stdout } = await quantscope(['plan', SAMPLE, '--score', 'fisher', ...TEXT, ...target, '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ request: { score: 'fisher' } });
  });

  it.each([
    [['sensitivity', SAMPLE, '--score', 'magic'], /no score "magic"; scores: weightError, /],
    [['sensitivity', SAMPLE, '--score', 'fisher'], /either --text FILE or --sample/],
    [['sensitivity', SAMPLE, '--score', 'fisher', '--sample', '--context', '3'], /--context: /],
    [['eval', SAMPLE, '--sample', '--context', '1'], /--context: 1 tokens, from 8 to/],
    [['plan', SAMPLE, '--target-bpw', '4', '--measure', 'a', '--score', 'fisher', '-o', 'b'], /exclude each other/],
    [['plan', SAMPLE, '--target-bpw', '4', '--score', 'weightError', '-o', 'b'], /too little .* fisher, propagated/],
    [['plan', SAMPLE, '--target-bpw', '4', '--sample', '-o', 'b'], /--sample belongs to --score or --check/],
    [['plan', SAMPLE, '--target-bpw', '1e300', '-o', 'b'], /--target-bpw takes up to 10000/],
    [['plan', SAMPLE, '--target-bytes', '1.5', '-o', 'b'], /--target-bytes takes a whole number/],
    [['sensitivity', SAMPLE, '--context', '64'], /--context belongs to --score/],
  ])('refuses %j', async (args, message) => {
    const { code, stderr } = await quantscope(args);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });
});
