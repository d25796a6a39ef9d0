// Importance matrices: measured, written in both kinds, read back, put to a model, and used.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { collectImportance, importanceEntries } from '../../../core/calibration/collectImportance.ts';
import { matchImportance } from '../../../core/calibration/matchImportance.ts';
import type { Checkpoint } from '../../../core/checkpoint/checkpoint.ts';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { imatrixBytes } from '../../../core/export/gguf/imatrixFile.ts';
import { importanceKeyValues } from '../../../core/export/gguf/importanceKeyValues.ts';
import { ggufSize } from '../../../core/export/gguf/layout.ts';
import { runExport } from '../../../core/export/runExport.ts';
import { Decoder } from '../../../core/forward/decoder.ts';
import { createPool } from '../../../core/kernels/pool.ts';
import { ggufName } from '../../../core/model/ggufNames.ts';
import type { GgufTarget } from '../../../core/quant/ggufTypes.ts';
import type { Importance } from '../../../core/quant/importance.ts';
import { scanSensitivity } from '../../../core/sensitivity/scan.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { planFor } from '../export/plans.ts';

const SAMPLE = fileURLToPath(new URL('../../fixtures/sample-llama', import.meta.url));
const folder = temporaryFolder();
const pool = createPool(new URL('../../../core/engine/worker.ts', import.meta.url), 2);
afterAll(() => pool.close());

const IDS = Uint32Array.from({ length: 300 }, (_, i) => (i * 137 + 5) % 1000);

async function measured() {
  const model = await openCheckpoint(SAMPLE);
  const decoder = await Decoder.open(model, pool);
  const found = await collectImportance(decoder, IDS, { context: 32, begin: null });
  const entries = importanceEntries(found, model, (name) => ggufName(name, 'llama'));
  return { model, found, file: { entries, dataset: 'numbers.txt', chunks: found.sequences, chunkTokens: 32 } };
}

const tensorNamed = (model: Checkpoint, name: string) => model.tensors.find((tensor) => tensor.name === name);

describe('measuring', () => {
  test('every linear layer of every block, columns as wide as its input', async () => {
    const { model, found, file } = await measured();
    expect(found).toMatchObject({ sequences: 9, tokens: 288 });
    expect(found.columns.size).toBe(6 * 7);
    for (const [tensor, columns] of found.columns) {
      expect(columns).toHaveLength(model.tensors[tensor]?.shape[1] ?? 0);
      expect(columns.every((value) => value > 0 && value < 1e6)).toBe(true);
    }
    expect(file.entries.map(({ name }) => name)).toContain('blk.5.ffn_down.weight');
  });

  test('the first layer against its definition: mean squares of normed embeddings', async () => {
    const { model, found } = await measured();
    const bytes = readFileSync(join(SAMPLE, 'model.safetensors'));
    const bf16 = (name: string): Float32Array => {
      const tensor = tensorNamed(model, name);
      const at = tensor?.offset ?? 0;
      return Float32Array.from({ length: tensor?.elements ?? 0 }, (_, i) => {
        const view = new DataView(new ArrayBuffer(4));
        view.setUint16(0, bytes.readUInt16LE(at + 2 * i));
        return view.getFloat32(0);
      });
    };
    const embed = bf16('model.embed_tokens.weight');
    const norm = bf16('model.layers.0.input_layernorm.weight');
    const sums = new Float64Array(256);
    for (const id of IDS.subarray(0, 288)) {
      const row = embed.subarray(id * 256, (id + 1) * 256);
      const root = Math.sqrt(row.reduce((sum, x) => sum + x * x, 0) / 256 + 1e-5);
      row.forEach((x, i) => {
        sums[i] = (sums[i] ?? 0) + ((x / root) * (norm[i] ?? 0)) ** 2;
      });
    }
    const columns = found.columns.get(tensorNamed(model, 'model.layers.0.self_attn.k_proj.weight')?.index ?? -1);
    sums.forEach((sum, i) => {
      expect(Math.abs((columns?.[i] ?? 0) * 288 - sum)).toBeLessThan(1e-4 * sum);
    });
  });
});

describe('files', () => {
  test.each(['gguf', 'dat'])('.%s: written, opened as an importance matrix, matched by place', async (kind) => {
    const { model, found, file } = await measured();
    const path = join(folder, `imatrix.${kind}`);
    writeFileSync(path, imatrixBytes(file, path));
    const matrix = await openCheckpoint(path);
    expect(matrix.imatrix).toMatchObject({ datasets: ['numbers.txt'], chunks: 9 });
    const importance = await matchImportance(model, matrix, pool, undefined);
    expect(importance.tensors).toBe(42);
    writeFileSync(join(folder, `copy.${kind}`), imatrixBytes(file, path));
    const again = await matchImportance(model, await openCheckpoint(join(folder, `copy.${kind}`)), pool, undefined);
    expect(again.id).toBe(importance.id);
    for (const [tensor, columns] of found.columns) {
      const read = importance.columns(tensor);
      columns.forEach((value, i) => {
        expect(Math.abs((read?.[i] ?? 0) - value)).toBeLessThanOrEqual(2e-7 * value);
      });
    }
  });

  test('a matrix of another model, of no model, and none at all', async () => {
    const { model, file } = await measured();
    const save = async (name: string, entries: typeof file.entries): Promise<Checkpoint> => {
      const path = join(folder, name);
      writeFileSync(path, imatrixBytes({ ...file, entries }, path));
      return openCheckpoint(path);
    };
    const narrow = await save('narrow.dat', [{ name: 'blk.0.attn_q.weight', columns: new Float32Array(8).fill(1) }]);
    await expect(matchImportance(model, narrow, pool, undefined)).rejects.toMatchObject({ code: 'SHAPE_INVALID' });
    const stranger = await save('stranger.dat', [{ name: 'encoder.mystery', columns: new Float32Array(8).fill(1) }]);
    await expect(matchImportance(model, stranger, pool, undefined)).rejects.toMatchObject({ code: 'TENSOR_NOT_FOUND' });
    const broken = await save('broken.dat', [{ name: 'blk.0.attn_q.weight', columns: new Float32Array(256).fill(-1) }]);
    await expect(matchImportance(model, broken, pool, undefined)).rejects.toMatchObject({ code: 'NON_FINITE' });
    await expect(matchImportance(model, model, pool, undefined)).rejects.toMatchObject({ code: 'TYPE_UNKNOWN' });
  });
});

describe('use', () => {
  /** Half of the columns do not matter at all. */
  const lopsided: Importance = {
    id: 'lopsided',
    name: 'lopsided',
    tensors: 1,
    columns: () => Float32Array.from({ length: 256 }, (_, i) => (i % 2 === 0 ? 4 : 1e-6)),
  };

  async function damageOf(importance: Importance | undefined): Promise<Map<GgufTarget, number>> {
    const model = await openCheckpoint(SAMPLE);
    const wanted = tensorNamed(model, 'model.layers.0.self_attn.q_proj.weight')?.index;
    const found = new Map<GgufTarget, number>();
    await scanSensitivity(model, pool, {
      types: ['Q8_0', 'Q2_K', 'Q3_K', 'Q4_K', 'IQ4_XS'],
      importance,
      cache: false,
      onRow: ({ tensor, damages }) => {
        if (tensor !== wanted) return;
        for (const { type, relativeError } of damages) found.set(type, relativeError);
      },
    });
    return found;
  }

  test('a constant importance changes no plain error; a lopsided one lowers the weighted error of searched types', async () => {
    const plain = await damageOf(undefined);
    const constant = await damageOf({ ...lopsided, columns: () => new Float32Array(256).fill(0.25) });
    // Q8_0 has nothing to weigh: the same codes, and the weights cancel.
    expect(constant.get('Q8_0')).toBeCloseTo(plain.get('Q8_0') ?? 0, 12);
    const weighted = await damageOf(lopsided);
    for (const type of ['Q2_K', 'Q3_K', 'Q4_K', 'IQ4_XS'] as const)
      expect(weighted.get(type)).toBeLessThan(0.9 * (plain.get(type) ?? 0));
  });

  test('exports quantize with it and stay whole', async () => {
    const checkpoint = await openCheckpoint(SAMPLE);
    const export_ = async (name: string, importance: Importance | undefined): Promise<Buffer> => {
      const output = join(folder, name);
      const plan = planFor(checkpoint, () => 'Q3_K');
      await runExport('gguf', { checkpoint, plan, output, overwrite: false, importance }, { pool });
      return readFileSync(output);
    };
    const headerOf = async (name: string) => {
      const { metadata, tensors } = await openCheckpoint(join(folder, name));
      return { metadata, dataStart: Math.min(...tensors.map(({ offset }) => offset)) };
    };
    const plain = await export_('plain.gguf', undefined);
    const weighted = await export_('weighted.gguf', lopsided);
    const { importanceBytes } = await ggufSize(checkpoint, lopsided);
    expect(importanceBytes).toBeGreaterThan(0);
    expect(weighted).toHaveLength(plain.length + importanceBytes);
    const { metadata, dataStart } = await headerOf('weighted.gguf');
    expect(metadata).toMatchObject({
      'quantize.imatrix.file': 'lopsided',
      'quantize.imatrix.entries_count': 1,
    });
    expect(weighted.subarray(dataStart).equals(plain.subarray((await headerOf('plain.gguf')).dataStart))).toBe(false);
    expect((await export_('again.gguf', lopsided)).equals(weighted)).toBe(true);
  });

  test('a file in which it weighed nothing does not name it, and is as large as without it', async () => {
    const checkpoint = await openCheckpoint(SAMPLE);
    const output = join(folder, 'rounded.gguf');
    const plan = planFor(checkpoint, (_, at) => (at % 2 === 0 ? 'Q8_0' : 'F16'));
    const run = async (name: string, importance: Importance | undefined): Promise<Buffer> => {
      await runExport('gguf', { checkpoint, plan, output: join(folder, name), overwrite: false, importance }, { pool });
      return readFileSync(join(folder, name));
    };
    expect((await run('rounded.gguf', lopsided)).equals(await run('rounded-plain.gguf', undefined))).toBe(true);
    const again = await openCheckpoint(output);
    expect(Object.keys(again.metadata).filter((key) => key.startsWith('quantize.imatrix.'))).toEqual([]);
  });

  test('files name it as llama.cpp does: texts of 127 bytes, no count that is not known', () => {
    const source = { file: `${'ä'.repeat(100)}.gguf`, dataset: 'wiki.txt', chunks: 12 };
    const entries = importanceKeyValues({ ...lopsided, tensors: 42, source });
    expect(entries.map(({ key }) => key)).toEqual([
      'quantize.imatrix.file',
      'quantize.imatrix.dataset',
      'quantize.imatrix.entries_count',
      'quantize.imatrix.chunks_count',
    ]);
    // key length and key, type, value length, then 63 letters of two bytes
    expect(entries[0]?.bytes.length).toBe(8 + 'quantize.imatrix.file'.length + 4 + 8 + 126);
    const measured = importanceKeyValues({ ...lopsided, source: { file: null, dataset: null, chunks: null } });
    expect(measured.map(({ key }) => key)).toEqual(['quantize.imatrix.file', 'quantize.imatrix.entries_count']);
    expect(Buffer.from(measured[0]?.bytes ?? []).toString()).toContain('measured by Quantscope');
  });
});
