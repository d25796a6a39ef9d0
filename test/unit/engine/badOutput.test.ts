// Exports that must not happen, or do not finish: the original untouched, nothing with the final name, nothing beside it.

import { createHash } from 'node:crypto';
import { linkSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { onTinyDisk } from '../../fixtures/fullDisk.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { writeLlamaFolder } from '../export/exportFixtures.ts';
import { quantscope, SAMPLE } from './program.ts';

const folder = temporaryFolder();
const model = writeLlamaFolder(folder, 'model');
const weights = join(model, 'model.safetensors');
const plan = join(folder, 'model.quantplan.json');
const outputs = join(folder, 'outputs');

const hash = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

beforeAll(async () => {
  mkdirSync(outputs);
  const planned = await quantscope(['plan', model, '--target-bpw', '40', '-o', plan]);
  expect(planned.code).toBe(0);
});

const exportTo = (output: string, ...more: string[]) =>
  quantscope(['export', model, '--plan', plan, '--format', 'gguf', '-o', output, '--json', ...more]);

describe('an output that cannot be', () => {
  it.each([
    ['the input itself', () => weights, 'OUTPUT_IS_INPUT'],
    ['the input by another spelling', () => join(model, '..', 'model', '.', 'model.safetensors'), 'OUTPUT_IS_INPUT'],
    ['a symbolic link to the input', () => linked('soft.gguf', symlinkSync), 'OUTPUT_IS_INPUT'],
    ['a hard link to the input', () => linked('hard.gguf', linkSync), 'OUTPUT_IS_INPUT'],
    ['a folder', () => outputs, 'OUTPUT_INVALID'],
    ['in a missing folder', () => join(outputs, 'none', 'a.gguf'), 'OUTPUT_INVALID'],
    ['in a folder that is a file', () => join(plan, 'a.gguf'), 'OUTPUT_INVALID'],
    ['a name that is too long', () => join(outputs, `${'a'.repeat(300)}.gguf`), 'FILE_UNREADABLE'],
  ] as const)('%s', async (_what, outputOf, expected) => {
    const output = outputOf();
    const [originalHash, before] = [hash(weights), [readdirSync(outputs), readdirSync(model)]];
    const { code, stdout } = await exportTo(output, '--overwrite');
    expect(JSON.parse(stdout)).toEqual({ error: { code: expected, message: expect.stringMatching(/^[^\n]+$/) } });
    expect(code).toBe(1);
    expect(hash(weights)).toBe(originalHash);
    expect([readdirSync(outputs), readdirSync(model)]).toEqual(before);
  });

  it('a file that exists is kept unless told otherwise', async () => {
    const output = join(outputs, 'exists.gguf');
    writeFileSync(output, 'precious');
    const refused = await exportTo(output);
    expect(JSON.parse(refused.stdout).error).toMatchObject({
      code: 'OUTPUT_EXISTS',
      message: expect.stringContaining('exists.gguf'),
    });
    expect(readFileSync(output, 'utf8')).toBe('precious');
    const replaced = await exportTo(output, '--overwrite');
    expect(replaced.code).toBe(0);
    expect(readFileSync(output).subarray(0, 4).toString()).toBe('GGUF');
  });

  it.each([
    ['model.safetensors', 'OUTPUT_IS_INPUT'],
    ['config.json', 'OUTPUT_IS_INPUT'],
    ['notes.txt', 'OUTPUT_EXISTS'],
  ])('a plan never replaces %s', async (name, expected) => {
    const path = join(model, name);
    if (name === 'notes.txt') writeFileSync(path, 'precious');
    const originalHash = hash(path);
    const { code, stdout } = await quantscope(['plan', model, '--target-bpw', '40', '-o', path, '--json']);
    expect(JSON.parse(stdout).error.code).toBe(expected);
    expect(code).toBe(1);
    expect(hash(path)).toBe(originalHash);
  });

  it('an export never replaces what the model is read with', async () => {
    const path = join(model, 'tokenizer.json');
    const originalHash = hash(path);
    expect(JSON.parse((await exportTo(path, '--overwrite')).stdout).error.code).toBe('OUTPUT_IS_INPUT');
    expect(hash(path)).toBe(originalHash);
  });
});

describe('an export that ends early', () => {
  const samplePlan = join(folder, 'sample.quantplan.json');
  const args = (output: string) => ['export', SAMPLE, '--plan', samplePlan, '--format', 'gguf', '-o', output, '--json'];
  beforeAll(async () => {
    expect((await quantscope(['plan', SAMPLE, '--target-bpw', '5', '-o', samplePlan])).code).toBe(0);
  }, 60_000);

  it('cancelled: code 130 and an empty folder', async () => {
    const own = join(folder, 'cancelled');
    mkdirSync(own);
    const { code, stdout } = await quantscope(args(join(own, 'a.gguf')), (child) => {
      child.stderr?.once('data', () => child.kill('SIGINT'));
    });
    expect(JSON.parse(stdout).error.code).toBe('CANCELLED');
    expect(code).toBe(130);
    expect(readdirSync(own)).toEqual([]);
  });

  it('killed: nothing has the final name, and the next export succeeds', async () => {
    const own = join(folder, 'killed');
    mkdirSync(own);
    const output = join(own, 'a.gguf');
    const killed = await quantscope(args(output), (child) => {
      child.stderr?.once('data', () => child.kill('SIGKILL'));
    });
    expect(killed.code).toBe(null);
    expect(readdirSync(own).filter((name) => !name.includes('.partial-'))).toEqual([]);
    expect((await quantscope(args(output))).code).toBe(0);
    expect(readFileSync(output).subarray(0, 4).toString()).toBe('GGUF');
  });

  it('a disk that fills: DISK_FULL with the numbers, and the disk as it was', ({ skip }) => {
    const script = fileURLToPath(new URL('fullDiskExport.ts', import.meta.url));
    process.env.QUANTSCOPE_TEST_PLAN = samplePlan;
    const printed = onTinyDisk(temporaryFolder(), 2_000_000, script);
    delete process.env.QUANTSCOPE_TEST_PLAN;
    if (printed === null) return skip('no small disk can be mounted here');
    const { code, answer, left } = JSON.parse(printed);
    expect(answer.error).toEqual({ code: 'DISK_FULL', message: expect.stringMatching(/a\.gguf: .*\d{7}/) });
    expect(code).toBe(1);
    expect(left).toEqual([]);
  });
});

function linked(name: string, link: (target: string, path: string) => void): string {
  const path = join(outputs, name);
  link(weights, path);
  return path;
}
