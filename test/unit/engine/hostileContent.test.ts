// Models and plans that are well formed and still unusual or hostile, through the real program.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ENGINE_CALLS, EVENTS } from '../../../core/protocol/calls.ts';
import type { StatisticsRow } from '../../../core/protocol/objects.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { writeGguf } from '../../fixtures/writeGguf.ts';
import { type FixtureTensor, writeSafetensors } from '../../fixtures/writeSafetensors.ts';
import { writeLlamaFolder } from '../export/exportFixtures.ts';
import { outcomeOf, planOf, quantscope, startEngine } from './program.ts';

const folder = temporaryFolder();
const matrix = (name: string, shape: readonly number[] = [4, 64]): FixtureTensor => ({
  name,
  dtype: 'F32',
  shape,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i + 1)),
});
const LLAMA = { 'general.architecture': 'llama' };

async function json(...args: string[]) {
  const { code, stdout, stderr } = await quantscope([...args, '--json']);
  return { code, stderr, answer: JSON.parse(stdout) };
}

/** inspect, stats, sensitivity, plan, export, verify of one file over RPC; the exported types by name. */
async function wholeWay(path: string) {
  await using engine = startEngine();
  const { connection } = engine;
  const { model } = ENGINE_CALLS.open.result.parse(await connection.sendRequest('open', { path }));
  const rows: StatisticsRow[] = [];
  connection.onNotification('statistics', (event) => {
    rows.push(...EVENTS.statistics.parse(event).rows);
  });
  ENGINE_CALLS.statistics.result.parse(await connection.sendRequest('statistics', { model }));
  const plan = await planOf(engine, model, ['Q8_0', 'Q4_0']);
  const output = `${path}.out.gguf`;
  const request = { model, plan, format: 'gguf', output, overwrite: false };
  const exported = await outcomeOf(connection.sendRequest('export', request));
  return { rows: rows.sort((a, b) => a.tensor - b.tensor), plan, exported };
}

describe('tensor names', () => {
  const names = [
    'constructor',
    'toString',
    'hasOwnProperty',
    '0',
    'blk.0.\u202Egnp.weight',
    'blk.0.tab\there',
    'blk.0.\u001B[2Jclear',
    'x'.repeat(60),
  ];

  it('survive the whole way to a GGUF, whatever they spell', async () => {
    const path = join(folder, 'names.gguf');
    writeGguf(
      path,
      names.map((name) => matrix(name)),
      LLAMA,
    );
    const { rows, plan, exported } = await wholeWay(path);
    expect(rows).toHaveLength(names.length);
    expect(Object.keys(plan.solution.tensors).sort()).toEqual([...names].sort());
    expect(exported).toMatchObject({ verify: { ok: true, compared: names.length, missing: [], extra: [] } });
  });

  it('a plan written to disk carries them back', async () => {
    const path = join(folder, 'names2.gguf');
    writeGguf(
      path,
      names.map((name) => matrix(name)),
      LLAMA,
    );
    const [plan, output] = [join(folder, 'names2.quantplan.json'), join(folder, 'names2-out.gguf')];
    expect((await json('plan', path, '--target-bpw', '30', '-o', plan)).code).toBe(0);
    const exported = await json('export', path, '--plan', plan, '--format', 'gguf', '-o', output);
    expect(exported.answer).toMatchObject({ verify: { ok: true, compared: names.length } });
  });

  it('the one name no JSON object can carry safely is refused when the file is opened', async () => {
    const path = join(folder, 'proto.gguf');
    writeGguf(path, [matrix('__proto__')], LLAMA);
    expect((await json('inspect', path)).answer.error).toEqual({
      code: 'NAME_INVALID',
      message: expect.stringContaining('proto.gguf'),
    });
  });

  it('never steer the terminal', async () => {
    const path = join(folder, 'terminal.gguf');
    writeGguf(
      path,
      names.map((name) => matrix(name)),
      LLAMA,
    );
    const { code, stdout } = await quantscope(['inspect', path]);
    expect(code).toBe(0);
    expect(stdout.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u);
    expect(stdout).toContain('\\u202e');
  });
});

describe('expressions that never end', () => {
  const path = join(folder, 'redos.gguf');
  writeGguf(path, [matrix(`${'a'.repeat(60)}!`)], LLAMA);

  it('--tensor and --lock give up within seconds', async () => {
    for (const args of [
      ['stats', path, '--tensor', '(a+)+$'],
      ['plan', path, '--target-bpw', '20', '--lock', '(a+)+$=Q8_0', '-o', join(folder, 'redos.quantplan.json')],
    ]) {
      const began = performance.now();
      const { code, answer } = await json(...args);
      expect(answer.error).toEqual({ code: 'PATTERN_INVALID', message: expect.stringContaining('1000 ms') });
      expect(code).toBe(1);
      expect(performance.now() - began).toBeLessThan(10_000);
    }
  });

  it('a lock in the editor fails, and the engine goes on', async () => {
    await using engine = startEngine();
    const { connection } = engine;
    const { model } = ENGINE_CALLS.open.result.parse(await connection.sendRequest('open', { path }));
    await connection.sendRequest('sensitivity', { model });
    const rules = { choices: ['Q8_0'], pins: [], minimums: [] };
    const solve = (pattern: string) =>
      outcomeOf(
        connection.sendRequest('solve', {
          model,
          request: { targetBytes: 1e6, ...rules, locks: [{ pattern, type: 'Q8_0' }] },
        }),
      );
    expect(await solve('(a+)+$')).toMatchObject({ code: 'PATTERN_INVALID' });
    expect(await solve('a+')).toMatchObject({ gap: 0 });
  });
});

describe('values', () => {
  it('NaN and infinity: counted, kept as a float type by the plan, and the export keeps them', async () => {
    const path = join(folder, 'nan.gguf');
    const bad = new Float32Array(256).fill(NaN);
    const mixed = Float32Array.from({ length: 256 }, (_, i) => (i === 7 ? Infinity : i / 256));
    writeGguf(
      path,
      [
        { name: 'blk.0.ffn_up.weight', dtype: 'F32', shape: [4, 64], data: bad },
        { name: 'blk.0.ffn_down.weight', dtype: 'F32', shape: [4, 64], data: mixed },
        matrix('blk.0.ffn_gate.weight'),
      ],
      LLAMA,
    );
    const { rows, plan, exported } = await wholeWay(path);
    expect(rows[0]?.statistics).toMatchObject({ count: 256, nan: 256, inf: 0, zeros: 0 });
    expect(rows[1]?.statistics).toMatchObject({ nan: 0, inf: 1, zeros: 1, max: 255 / 256 });
    const { tensors } = plan.solution;
    expect(tensors['blk.0.ffn_gate.weight']?.type).toBe('Q8_0');
    for (const name of ['blk.0.ffn_up.weight', 'blk.0.ffn_down.weight'])
      expect(['F16', 'BF16', 'F32']).toContain(tensors[name]?.type);
    expect(exported).toMatchObject({ verify: { ok: true, compared: 3 } });
  });

  it('zero elements: listed, counted as nothing, carried over', async () => {
    const path = join(folder, 'zero.safetensors');
    writeSafetensors(path, [matrix('empty.weight', [0, 64]), matrix('a.weight')]);
    const inspected = await json('inspect', path);
    expect(inspected.answer.tensors[0]).toMatchObject({ shape: [0, 64], count: 0, bytes: 0 });
    const stats = await json('stats', path);
    expect(stats.code).toBe(0);
    expect(stats.answer.tensors[0]).toMatchObject({ name: 'empty.weight', count: 0, nan: 0, mean: null });
  });

  it('zero elements in a GGUF go the whole way', async () => {
    const path = join(folder, 'zero.gguf');
    writeGguf(path, [matrix('blk.0.attn_q.weight', [0, 64]), matrix('blk.0.attn_k.weight')], LLAMA);
    const { plan, exported } = await wholeWay(path);
    expect(Object.keys(plan.solution.tensors)).toEqual(['blk.0.attn_k.weight']);
    expect(exported).toMatchObject({ verify: { ok: true, compared: 2, missing: [], extra: [] } });
  });
});

describe('small models', () => {
  it.each([
    ['one element', [matrix('a.weight', [1, 1])]],
    ['one dimension only', [matrix('a.weight', [64]), matrix('b.bias', [64])]],
    ['no number to quantize', [{ name: 'ids', dtype: 'I64', shape: [4, 4], data: new BigInt64Array(16) }]],
  ] as const)('%s: everything answers or says why not', async (what, tensors) => {
    const path = join(folder, `${what.replaceAll(' ', '-')}.gguf`);
    writeGguf(path, tensors, LLAMA);
    const stats = await json('stats', path);
    expect(stats.code).toBe(0);
    expect(stats.answer.tensors).toHaveLength(tensors.length);
    expect((await json('sensitivity', path)).code).toBe(0);
    const planned = await json('plan', path, '--target-bytes', '100000', '-o', `${path}.quantplan.json`);
    if (what === 'one element') expect(planned.answer.tensors).toMatchObject([{ name: 'a.weight', type: 'F16' }]);
    else
      expect(planned.answer.error).toMatchObject({
        code: 'PLAN_INVALID',
        message: expect.stringContaining(what.replaceAll(' ', '-')),
      });
  });

  it('a GGUF of five tensors goes the whole way', async () => {
    const path = join(folder, 'five.gguf');
    writeGguf(
      path,
      ['q', 'k', 'v', 'output', 'extra'].map((name) => matrix(`blk.0.attn_${name}.weight`)),
      LLAMA,
    );
    expect((await wholeWay(path)).exported).toMatchObject({ verify: { ok: true, compared: 5 } });
  });
});

describe('plans', () => {
  const model = writeLlamaFolder(folder, 'plans');
  const good = join(folder, 'good.quantplan.json');
  const exportWith = async (text: string) => {
    const path = join(folder, 'hostile.quantplan.json');
    writeFileSync(path, text);
    const output = join(folder, 'hostile-out.gguf');
    const ended = await json('export', model, '--plan', path, '--format', 'gguf', '-o', output);
    expect(readdirSync(folder).filter((name) => name.startsWith('hostile-out'))).toEqual([]);
    expect(ended.stderr).not.toMatch(/\n\s+at /);
    return ended;
  };

  it('that are broken, foreign or poisoned are refused by name', async () => {
    expect((await json('plan', model, '--target-bpw', '30', '-o', good)).code).toBe(0);
    const text = readFileSync(good, 'utf8');
    const edited = (edit: (plan: { version: number; solution: { tensors: Record<string, unknown> } }) => void) => {
      const plan = JSON.parse(text);
      edit(plan);
      return JSON.stringify(plan);
    };
    const assignment = JSON.stringify(Object.values(JSON.parse(text).solution.tensors)[0]);
    const cases: readonly (readonly [string, string, string])[] = [
      ['empty', '', 'FILE_EMPTY'],
      ['not JSON', '{', 'PLAN_INVALID'],
      ['deep', '['.repeat(100_000), 'PLAN_INVALID'],
      [
        'another version',
        edited((plan) => {
          plan.version = 99;
        }),
        'PLAN_INVALID',
      ],
      [
        'another model',
        edited((plan) => {
          plan.solution.tensors = {};
        }),
        'PLAN_MISMATCH',
      ],
      ['__proto__ tensor', text.replace('"tensors": {', `"tensors": {"__proto__": ${assignment},`), 'PLAN_INVALID'],
      [
        'constructor tensor',
        text.replace('"tensors": {', `"tensors": {"constructor": ${assignment},`),
        'PLAN_MISMATCH',
      ],
      ['unknown type', text.replaceAll(/"type": "[^"]+"/g, '"type": "Q9_Z"'), 'PLAN_INVALID'],
    ];
    for (const [what, plan, expected] of cases) {
      const { code, answer } = await exportWith(plan);
      expect({ what, code, error: answer.error?.code }).toEqual({ what, code: 1, error: expected });
      expect(answer.error.message).toMatch(/hostile\.quantplan\.json/);
    }
  });
});
