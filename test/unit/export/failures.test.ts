// Everything that can go wrong says so once, and leaves no file behind that looks finished.

import { existsSync, readdirSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import type { ExportInput } from '../../../core/export/exporter.ts';
import { preflight } from '../../../core/export/preflight.ts';
import { EXPORTERS } from '../../../core/export/registry.ts';
import { runExport } from '../../../core/export/runExport.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { writeSafetensors } from '../../fixtures/writeSafetensors.ts';
import { llamaTensors, tensor, testPool, writeLlamaFolder } from './exportFixtures.ts';
import { planFor } from './plans.ts';

const folder = temporaryFolder();
const pool = testPool();
let made = 0;

async function job(options: Parameters<typeof writeLlamaFolder>[2] = {}): Promise<ExportInput> {
  made += 1;
  const checkpoint = await openCheckpoint(writeLlamaFolder(folder, `model${made}`, options));
  return {
    checkpoint,
    plan: planFor(checkpoint, () => 'Q4_0'),
    output: join(folder, `out${made}.gguf`),
    overwrite: false,
  };
}

const leftovers = (input: ExportInput): string[] =>
  readdirSync(folder).filter((name) => join(folder, name).startsWith(input.output));

async function failure(input: ExportInput, code: string, message: RegExp, format: 'gguf' | 'safetensors' = 'gguf') {
  const before = leftovers(input);
  const error = await runExport(format, input, { pool }).then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
  expect(leftovers(input)).toEqual(before);
}

describe('a failing export', () => {
  it.each([
    [Number.NaN, /q_proj.weight: element 131 is NaN/],
    [Number.POSITIVE_INFINITY, /q_proj.weight: element 131 is infinite/],
  ])('names tensor and element of %s', async (value, message) => {
    const name = 'model.layers.0.self_attn.q_proj.weight';
    const tensors = llamaTensors();
    const broken = tensors.find((one) => one.name === name)?.data as Float32Array;
    broken[131] = value;
    const input = await job({ tensors });
    await failure(input, 'NON_FINITE', message);
    await failure(input, 'NON_FINITE', message, 'safetensors');
  });

  it('does not replace a file unless asked to', async () => {
    const input = await job();
    writeFileSync(input.output, 'precious');
    await failure(input, 'OUTPUT_EXISTS', /exists/);
    expect(readFileSync(input.output, 'utf8')).toBe('precious');
    await runExport('gguf', { ...input, overwrite: true }, { pool });
    expect((await openCheckpoint(input.output)).format).toBe('gguf');
  });

  it('never writes over its input, also through a link', async () => {
    const input = await job();
    const source = input.checkpoint.files[0]?.path ?? '';
    const link = join(folder, 'link.gguf');
    symlinkSync(source, link);
    await failure({ ...input, output: source, overwrite: true }, 'OUTPUT_IS_INPUT', /input/);
    await failure({ ...input, output: link, overwrite: true }, 'OUTPUT_IS_INPUT', /input/);
  });

  it('asks for a folder that exists', async () => {
    await failure({ ...(await job()), output: join(folder, 'nowhere', 'x.gguf') }, 'OUTPUT_INVALID', /nowhere/);
  });

  it('notices a source that changed before and while it was read', async () => {
    const early = await job();
    const path = early.checkpoint.files[0]?.path ?? '';
    utimesSync(path, new Date(), new Date(Date.now() + 5000));
    await failure(early, 'FILE_CHANGED', /changed/);

    const late = await job();
    const source = late.checkpoint.files[0]?.path ?? '';
    const touch = () => utimesSync(source, new Date(), new Date(Date.now() + 9000));
    await expect(runExport('gguf', late, { pool, onProgress: touch })).rejects.toMatchObject({ code: 'FILE_CHANGED' });
    expect(leftovers(late)).toEqual([]);
  });

  it('leaves nothing when cancelled, early, half way, or while verifying', async () => {
    const input = await job();
    for (const when of ['0', 'mlp', 'verifying']) {
      const stop = new AbortController();
      if (when === '0') stop.abort();
      const onProgress = (_done: number, _total: number, message: string): void => {
        if (message.includes(when)) stop.abort();
      };
      const run = runExport('gguf', input, { pool, signal: stop.signal, onProgress });
      await expect(run, when).rejects.toMatchObject({ code: 'CANCELLED' });
      expect(leftovers(input), when).toEqual([]);
    }
    await runExport('gguf', input, { pool });
    expect(existsSync(input.output)).toBe(true);
  });

  it('refuses a plan of another model', async () => {
    const input = await job();
    const stranger = { type: 'Q4_0', bytes: 0, relativeError: 0, damage: 0, why: '' } as const;
    const tensors = { ...input.plan.solution.tensors, 'model.layers.9.mlp.up_proj.weight': stranger };
    const plan = { ...input.plan, solution: { ...input.plan.solution, tensors } };
    await failure({ ...input, plan }, 'PLAN_MISMATCH', /layers\.9/);
  });

  it('says which architecture it cannot write, and still exports that as safetensors', async () => {
    const input = await job({ config: { architectures: ['MambaForCausalLM'], model_type: 'mamba' } });
    await failure(input, 'UNSUPPORTED_ARCHITECTURE', /MambaForCausalLM/);
    const { verify } = await runExport(
      'safetensors',
      { ...input, output: join(folder, 'mamba.safetensors') },
      { pool },
    );
    expect(verify.ok).toBe(true);
  });

  it('says which tensor has no place and which tokenizer has no name', async () => {
    const extra = await job({ tensors: [...llamaTensors(), tensor('model.layers.0.adapter.weight', [4, 32])] });
    await failure(extra, 'UNSUPPORTED_ARCHITECTURE', /adapter\.weight/);
    await failure(
      await job({ tokenizer: { model: { type: 'WordPiece', vocab: {} } } }),
      'TOKENIZER_UNSUPPORTED',
      /WordPiece/,
    );
  });
});

it('reports progress that only grows and ends complete', async () => {
  const seen: [number, number][] = [];
  await runExport('gguf', await job(), { pool, onProgress: (done, total) => seen.push([done, total]) });
  expect(new Set(seen.map(([, total]) => total)).size).toBe(1);
  expect(seen.map(([done]) => done)).toEqual(seen.map(([done]) => done).toSorted((a, b) => a - b));
  expect(seen.at(-1)?.[0]).toBe(seen.at(-1)?.[1]);
});

describe('preflight', () => {
  it('predicts the size and lists what is well', async () => {
    const input = await job();
    const { ok, bytes, checks } = await preflight(EXPORTERS.gguf, input, 2);
    expect(ok).toBe(true);
    expect(checks.map(({ name }) => name)).toEqual([
      'Format',
      'Plan',
      'Source',
      'Output',
      'Folder',
      'Disk space',
      'Memory',
    ]);
    expect(leftovers(input)).toEqual([]);
    await runExport('gguf', input, { pool });
    expect(statSync(input.output).size).toBe(bytes);
  });

  it('tells several causes at once', async () => {
    const input = await job({ config: { architectures: ['MambaForCausalLM'] } });
    writeFileSync(input.output, 'there');
    const { ok, checks } = await preflight(EXPORTERS.gguf, input, 2);
    expect(ok).toBe(false);
    expect(checks.filter((check) => !check.ok).map(({ code }) => code)).toEqual([
      'UNSUPPORTED_ARCHITECTURE',
      'OUTPUT_EXISTS',
    ]);
  });

  it('refuses a row that no worker can hold', async () => {
    const path = join(folder, 'wide.safetensors');
    writeSafetensors(path, [
      { name: 'w.weight', dtype: 'F8_E4M3', shape: [2, 8_000_000], data: new Uint8Array(16_000_000) },
    ]);
    const checkpoint = await openCheckpoint(path);
    const input = {
      checkpoint,
      plan: planFor(checkpoint, () => 'Q4_0'),
      output: join(folder, 'w.safetensors'),
      overwrite: false,
    };
    const { checks } = await preflight(EXPORTERS.safetensors, input, 2);
    expect(checks.find(({ ok }) => !ok)).toMatchObject({ name: 'Memory', code: 'MEMORY_LIMIT' });
  });
});
