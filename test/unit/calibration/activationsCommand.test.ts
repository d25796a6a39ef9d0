// `quantscope activations` and `imatrix` as programs: results, files, a run that is killed and started again.

import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { SAMPLE } from './captured.ts';

const MAIN = fileURLToPath(new URL('../../../core/engine/main.ts', import.meta.url));
/** Three runs of some 9,000 tokens on a machine that has other things to do. */
const BUSY_MS = 120_000;
const folder = temporaryFolder();

interface Program {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** @param cache folder name. @param stop kills the program when it becomes true */
function quantscope(cache: string, args: readonly string[], stop: () => boolean = () => false): Promise<Program> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, QUANTSCOPE_CACHE: join(folder, cache) };
    const child = spawn(process.execPath, [MAIN, ...args, '--threads', '2'], { env });
    const timer = setInterval(() => stop() && child.kill('SIGKILL'), 5);
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk) => {
      stdout += String(chunk);
    });
    child.stderr.on('data', (chunk) => {
      stderr += String(chunk);
    });
    child.on('error', reject);
    child.on('close', (code) => {
      clearInterval(timer);
      resolve({ code, stdout, stderr });
    });
  });
}

describe('activations', () => {
  const RUN = ['activations', SAMPLE, '--sample', '--context', '128', '--seed', '0'];

  test('a table, worst inputs first, and the same as JSON', async () => {
    const args = [...RUN, '--sequences', '8'];
    const { stdout, code } = await quantscope('table', args);
    expect(code).toBe(0);
    expect(stdout).toMatch(/1024 tokens: bundled sample, 8 sequences of 128, seed 0; on CPU, 2 threads/);
    expect(stdout).toMatch(/no massive activations/);
    const json = JSON.parse((await quantscope('table', [...args, '--json'])).stdout);
    expect(json.calibration).toMatchObject({ kind: 'measured', tokens: 1024, tensors: 42 });
    const [worst] = json.rows.toSorted(
      (a: { channelRatio: number }, b: { channelRatio: number }) => b.channelRatio - a.channelRatio,
    );
    const lines = stdout.split('\n');
    expect(lines[lines.findIndex((line) => line.startsWith('layer input')) + 1]).toMatch(
      new RegExp(`^${worst.layer} ${worst.tap} `),
    );
  });

  test('killed while it runs, it goes on where it was and ends with the same numbers', {
    timeout: BUSY_MS,
  }, async () => {
    const args = [...RUN, '--sequences', '72', '--json'];
    const whole = JSON.parse((await quantscope('whole', args)).stdout);
    const kept = join(folder, 'killed', 'calibration');
    const saved = (): boolean =>
      existsSync(kept) && readdirSync(kept).some((name) => /^[0-9a-f]{32}-statistics\.cache$/.test(name));
    const killed = await quantscope('killed', args, saved);
    expect(killed.stdout).toBe('');
    const { seconds: _, calibration, ...rest } = JSON.parse((await quantscope('killed', args)).stdout);
    expect(rest.rows).toEqual(whole.rows);
    expect(rest.sinks).toEqual(whole.sinks);
    expect(calibration.id).toBe(whole.calibration.id);
  });

  test('XᵀX of the input of one weight, for NumPy', async () => {
    const output = join(folder, 'hessian.npy');
    const wish = ['--sequences', '4', '--hessian', 'model.layers.1.mlp.down_proj.weight', '-o', output];
    const { stdout, code } = await quantscope('hessian', [...RUN, ...wish]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/down_in in layer 1, 768 × 768 float64, sum over 512 tokens/);
    const array = await openCheckpoint(output);
    expect(array.tensors[0]).toMatchObject({ dtype: 'F64', shape: [768, 768] });
    const bytes = readFileSync(output);
    const values = new Float64Array(Uint8Array.from(bytes.subarray(bytes.length - 8 * 768 * 768)).buffer);
    const at = (i: number, j: number): number => values[i * 768 + j] ?? Number.NaN;
    expect(at(3, 5)).toBeCloseTo(at(5, 3), 6);
    expect(at(9, 9)).toBeGreaterThan(0);
    expect((await quantscope('hessian', [...RUN, ...wish])).stderr).toMatch(/hessian\.npy: exists already/);
    const norm = ['--hessian', 'model.layers.1.input_layernorm.weight', '-o', join(folder, 'x.npy')];
    expect((await quantscope('hessian', [...RUN, ...norm])).stderr).toMatch(/multiplies no input/);
  });

  test.each([
    [['activations', SAMPLE], /either --text FILE or --sample/],
    [['activations', SAMPLE, '--sample', '--seed', '1.5'], /--seed takes a whole number/],
    [['activations', SAMPLE, '--sample', '--hessian', 'x'], /needs -o/],
  ])('%j', async (args, message) => {
    const { code, stderr } = await quantscope('usage', args);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });
});

test('imatrix takes JSONL and a seed', async () => {
  const text = join(folder, 'documents.jsonl');
  const document = 'Now is the winter of our discontent made glorious summer by this sun of York. ';
  writeFileSync(text, Array.from({ length: 9 }, () => JSON.stringify({ text: document.repeat(4) })).join('\n'));
  const output = join(folder, 'seeded.dat');
  const args = ['imatrix', SAMPLE, '--text', text, '--context', '32', '--sequences', '3', '--seed', '5', '-o', output];
  const { code, stdout } = await quantscope('imatrix', [...args, '--json']);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ tokens: 96, sequences: 3, text: { name: 'documents.jsonl' } });
  expect((await openCheckpoint(output)).imatrix).toMatchObject({ datasets: ['documents.jsonl'], chunks: 3 });
});
