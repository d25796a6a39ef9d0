// The command line from outside: answers, exit codes, errors without stack traces.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { quantscope, SAMPLE } from './program.ts';

const folder = mkdtempSync(join(tmpdir(), 'quantscope-cli-'));
afterAll(() => rmSync(folder, { recursive: true }));
const inFolder = (name: string): string => join(folder, name);

async function json(...args: string[]) {
  const { code, stdout, stderr } = await quantscope([...args, '--json']);
  return { code, stderr, answer: JSON.parse(stdout) };
}

describe('quantscope', () => {
  it('inspect reads headers only and names every tensor', async () => {
    const { code, answer } = await json('inspect', SAMPLE);
    expect(code).toBe(0);
    expect(answer).toMatchObject({
      format: 'safetensors',
      architecture: 'llama',
      layers: 6,
      tensorCount: 57,
      parameters: 5246208,
    });
    expect(answer.bitsPerWeight).toBeCloseTo(16, 6);
    // Headers and what lies beside the 10 MB of weights.
    expect(answer.bytesRead).toBeLessThan(100_000);
    expect(answer.tensors).toHaveLength(57);
    const q = answer.tensors.find((t: { name: string }) => t.name === 'model.layers.3.self_attn.q_proj.weight');
    expect(q).toMatchObject({ dtype: 'BF16', shape: [256, 256], role: 'attention.q', layer: 3 });
  });

  it('stats filters by name and carries every documented field', async () => {
    const { code, answer } = await json('stats', SAMPLE, '--tensor', 'layers\\.0\\.mlp\\.down');
    expect(code).toBe(0);
    expect(answer.tensors).toHaveLength(1);
    const [tensor] = answer.tensors;
    expect(tensor).toMatchObject({
      name: 'model.layers.0.mlp.down_proj.weight',
      shape: [256, 768],
      count: 196608,
      nan: 0,
      inf: 0,
    });
    expect(tensor.histogram).toHaveLength(256);
    expect(tensor.histogram.reduce((a: number, b: number) => a + b)).toBe(196608);
    expect(tensor.rowAbsMax).toHaveLength(256);
    expect(tensor.columnKurtosis).toHaveLength(768);
    expect(Math.max(...tensor.rowAbsMax)).toBeCloseTo(tensor.absMax, 6);
    expect(tensor.layerOutlierDistribution).toHaveLength(4);
  });

  it('plans, exports and verifies: the file has exactly the planned size', async () => {
    const plan = inFolder('a.quantplan.json');
    const output = inFolder('a.gguf');
    const planned = await json(
      'plan',
      SAMPLE,
      '--target-bpw',
      '4.5',
      '--lock',
      'lm_head=Q6_K',
      '--min',
      'attention.v=Q5_K',
      '-o',
      plan,
    );
    expect(planned.code).toBe(0);
    expect(planned.answer.bytes).toBeLessThanOrEqual(Math.floor((4.5 * 5246208) / 8));
    expect(planned.answer.gap).toBe(0);
    const typeOf = (name: string) => planned.answer.tensors.find((t: { name: string }) => t.name === name).type;
    expect(typeOf('lm_head.weight')).toBe('Q6_K');
    const exported = await json('export', SAMPLE, '--plan', plan, '--format', 'gguf', '-o', output);
    expect(exported.code).toBe(0);
    expect(statSync(output).size).toBe(planned.answer.bytes);
    const verified = await json('verify', SAMPLE, output);
    expect(verified.code).toBe(0);
    expect(verified.answer).toMatchObject({ ok: true, compared: 57, missing: [], extra: [] });
    const again = await json('export', SAMPLE, '--plan', plan, '--format', 'gguf', '-o', output);
    expect(again.code).toBe(1);
    expect(again.answer.error.code).toBe('OUTPUT_EXISTS');
  });

  it('the same input gives the same plan and the same file, byte for byte', async () => {
    const files = [];
    for (const [name, threads] of [
      ['b', '1'],
      ['c', '2'],
    ] as const) {
      await json('plan', SAMPLE, '--target-bpw', '3.5', '--threads', threads, '-o', inFolder(`${name}.quantplan.json`));
      await json(
        'export',
        SAMPLE,
        '--plan',
        inFolder(`${name}.quantplan.json`),
        '--format',
        'gguf',
        '--threads',
        threads,
        '-o',
        inFolder(`${name}.gguf`),
      );
      files.push([readFileSync(inFolder(`${name}.quantplan.json`)), readFileSync(inFolder(`${name}.gguf`))] as const);
    }
    expect(files[0]?.[0].equals(files[1]?.[0] as Buffer)).toBe(true);
    expect(files[0]?.[1].equals(files[1]?.[1] as Buffer)).toBe(true);
  });

  it('an impossible budget quotes the feasible interval', async () => {
    const { code, answer } = await json('plan', SAMPLE, '--target-bytes', '1000', '-o', inFolder('x.quantplan.json'));
    expect(code).toBe(1);
    expect(answer.error.code).toBe('BUDGET_INFEASIBLE');
    expect(answer.error.message).toMatch(/\d{7}/);
    expect(existsSync(inFolder('x.quantplan.json'))).toBe(false);
  });

  it.each([
    [['frobnicate'], 2, 'USAGE'],
    [['inspect'], 2, 'USAGE'],
    [['inspect', SAMPLE, '--nonsense'], 2, 'USAGE'],
    [['stats', SAMPLE, '--threads', '-3'], 2, 'USAGE'],
    [['plan', SAMPLE, '-o', 'x.json'], 2, 'USAGE'],
    [['inspect', 'no/such/file.gguf'], 1, 'FILE_NOT_FOUND'],
    [['stats', SAMPLE, '--tensor', '('], 1, 'PATTERN_INVALID'],
    [['stats', SAMPLE, '--tensor', 'nothing-like-this'], 1, 'TENSOR_NOT_FOUND'],
    [['plan', SAMPLE, '--target-bpw', '4.5', '--lock', 'nowhere=Q4_K', '-o', 'x.json'], 1, 'LOCK_MATCHED_NOTHING'],
    [['plan', SAMPLE, '--target-bpw', '4.5', '--choices', 'Q9_Z', '-o', 'x.json'], 1, 'TYPE_UNKNOWN'],
  ])('%j ends with code %i and %s', async (args, code, error) => {
    const ended = await json(...args);
    expect(ended.answer.error.code).toBe(error);
    expect(ended.code).toBe(code);
  });

  it.each([
    [['--version'], /^\d+\.\d+\.\d+\n$/],
    [['-h'], /^ {2}inspect .*^ {2}job list /ms],
    [['job'], /^ {2}job submit /m],
    [['job', '--help'], /^ {2}job submit /m],
    [['help', 'stats'], /^usage: quantscope stats FILE/],
    [['job', 'limit', '-h'], /^usage: quantscope job limit \[--set N\]\n/],
  ])('%j is answered', async (args, answer) => {
    const { code, stdout } = await quantscope(args);
    expect(stdout).toMatch(answer);
    expect(code).toBe(0);
  });

  it.each([
    [['stats', SAMPLE, '--threads', '1.5'], '--threads takes a whole number from 1 to 1024, not "1.5"'],
    [['stats', SAMPLE, '--threads', '1e9'], '--threads takes a whole number from 1 to 1024, not "1e9"'],
    [['eval', SAMPLE, '--sample', '--sequences', '1e9'], '--sequences takes a whole number from 1 to 65536'],
    [['stats', SAMPLE, '--nonsense'], "stats: Unknown option '--nonsense'\nusage: quantscope stats"],
    [['stats', SAMPLE, '\u001b[31m'], 'expected FILE|DIR|INDEX.json, got'],
  ])('%j is wrong usage, said in words', async (args, words) => {
    const { code, stderr } = await quantscope(args);
    expect(stderr).toContain(words);
    expect(stderr).not.toContain('\u001b');
    expect(code).toBe(2);
  });

  it('a broken file gives one sentence with file and fact, and no stack', async () => {
    const broken = inFolder('broken.gguf');
    writeFileSync(broken, 'GGUF\u0003\0\0\0 nonsense');
    const { code, stderr, stdout } = await quantscope(['inspect', broken]);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(stderr).toContain('broken.gguf');
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  it('is cancelled by SIGINT: code 130, and nothing left behind', async () => {
    const output = inFolder('cancelled.quantplan.json');
    const { code, stdout } = await quantscope(
      ['plan', SAMPLE, '--target-bpw', '4.5', '--exact', '-o', output, '--json'],
      (child) => {
        child.stderr?.once('data', () => child.kill('SIGINT')); // the first progress line: it is at work
      },
    );
    expect(JSON.parse(stdout).error.code).toBe('CANCELLED');
    expect(code).toBe(130);
    expect(readdirSync(folder).filter((name) => name.includes('cancelled'))).toEqual([]);
  });
});
