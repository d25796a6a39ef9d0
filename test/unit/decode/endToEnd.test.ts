// A model packed as GPTQ and one stored in foreign orders against their plain twin: same values, so the same figures,
// pictures, damages and exported bytes.

import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import type { Checkpoint, TensorInfo } from '../../../core/checkpoint/checkpoint.ts';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { runExport } from '../../../core/export/runExport.ts';
import { verifyExport } from '../../../core/export/verify/verifyExport.ts';
import type { Damage } from '../../../core/protocol/objects.ts';
import { GGUF_TARGETS, isQuantizable } from '../../../core/quant/ggufTypes.ts';
import { scanSensitivity } from '../../../core/sensitivity/scan.ts';
import { readChannel } from '../../../core/stats/channel.ts';
import { scanTensors } from '../../../core/stats/scan.ts';
import type { TensorResult } from '../../../core/stats/statisticsTasks.ts';
import { readTile } from '../../../core/stats/tile.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import type { FixtureTensor } from '../../fixtures/writeSafetensors.ts';
import { llamaTensors, testPool, writeLlamaFolder } from '../export/exportFixtures.ts';
import { allOf, planFor } from '../export/plans.ts';
import { randomBytes } from './descriptors.ts';

const folder = temporaryFolder();
const pool = testPool();
process.env.QUANTSCOPE_CACHE = join(folder, 'cache');
const GROUP = 32;
const LAYER = /^(.*(?:self_attn|mlp)\.\w+)\.weight$/;

let plain: Checkpoint;
let packed: Checkpoint;
let foreign: Checkpoint;

beforeAll(async () => {
  const pairs = llamaTensors().map((tensor, at) => {
    const module = LAYER.exec(tensor.name)?.[1];
    return module === undefined ? { plain: tensor, parts: [tensor] } : gptqLayer(module, tensor, at);
  });
  const quantization_config = { quant_method: 'gptq', bits: 4, group_size: GROUP, desc_act: true, sym: false };
  const tensors = pairs.map((pair) => pair.plain);
  plain = await openCheckpoint(writeLlamaFolder(folder, 'plain', { tensors }));
  packed = await openCheckpoint(
    writeLlamaFolder(folder, 'gptq', { tensors: pairs.flatMap(({ parts }) => parts), config: { quantization_config } }),
  );
  foreign = inForeignOrder(plain);
});

/** A layer's GPTQ parts, in activation order, and the float32 they stand for by the formula s · (q − (z + 1)). */
function gptqLayer(module: string, { name, shape }: FixtureTensor, seed: number) {
  const [outputs = 0, inputs = 0] = shape;
  const groups = inputs / GROUP;
  const codes = randomBytes(inputs * outputs, seed + 1).map((byte) => byte & 15);
  const zeros = randomBytes(groups * outputs, seed + 2).map((byte) => byte & 15);
  const scales = Uint16Array.from(randomBytes(groups * outputs, seed + 3), (byte) => 0x2000 + byte);
  const list = Int32Array.from({ length: inputs }, (_, k) => (k * 7) % groups);
  const nibble = (words: Int32Array, word: number, slot: number, code: number): void => {
    words[word] = (words[word] ?? 0) | (code << (4 * slot));
  };
  const qweight = new Int32Array((inputs / 8) * outputs);
  const qzeros = new Int32Array(groups * (outputs / 8));
  const data = new Float32Array(outputs * inputs);
  for (let n = 0; n < outputs; n++) {
    for (let g = 0; g < groups; g++)
      nibble(qzeros, g * (outputs / 8) + Math.floor(n / 8), n % 8, zeros[g * outputs + n] ?? 0);
    for (let k = 0; k < inputs; k++) {
      const [code, g] = [codes[k * outputs + n] ?? 0, list[k] ?? 0];
      nibble(qweight, Math.floor(k / 8) * outputs + n, k % 8, code);
      const bits = scales[g * outputs + n] ?? 0;
      const scale = (1024 + (bits & 1023)) * 2 ** ((bits >> 10) - 25);
      data[n * inputs + k] = scale * (code - ((zeros[g * outputs + n] ?? 0) + 1));
    }
  }
  return {
    plain: { name, dtype: 'F32', shape, data },
    parts: [
      { name: `${module}.qweight`, dtype: 'I32', shape: [inputs / 8, outputs], data: qweight },
      { name: `${module}.qzeros`, dtype: 'I32', shape: [groups, outputs / 8], data: qzeros },
      { name: `${module}.scales`, dtype: 'F16', shape: [groups, outputs], data: scales },
      { name: `${module}.g_idx`, dtype: 'I32', shape: [inputs], data: list },
    ],
  };
}

/** The same checkpoint with every matrix stored by columns and every other tensor big-endian, in a file of its own. */
function inForeignOrder(checkpoint: Checkpoint): Checkpoint {
  const path = join(folder, 'foreign.bin');
  const source = readFileSync(checkpoint.files[0]?.path ?? '');
  const out = Buffer.alloc(source.length);
  const tensors = checkpoint.tensors.map((tensor): TensorInfo => {
    const { offset, bytes, shape, index } = tensor;
    const bigEndian = index % 2 === 1;
    const [rows = 1, columns = 1] = shape.length === 1 ? [1, shape[0]] : shape;
    for (let r = 0; r < rows; r++)
      for (let c = 0; c < columns; c++) {
        const value = source.readFloatLE(offset + (r * columns + c) * 4);
        const at = offset + (c * rows + r) * 4;
        if (bigEndian) out.writeFloatBE(value, at);
        else out.writeFloatLE(value, at);
      }
    const strides = shape.length === 1 ? [1] : [1, rows];
    const extent = { file: 0, offset, bytes };
    return { ...tensor, storage: { kind: 'strided', extent, dtype: 'F32', start: 0, shape, strides, bigEndian } };
  });
  writeFileSync(path, out);
  const files = [{ path, sizeBytes: out.length, modifiedMs: statSync(path).mtimeMs }];
  return { ...checkpoint, path, files, tensors, fingerprint: `${checkpoint.fingerprint}-foreign` };
}

const byName = <T extends { name: string }>(list: readonly T[]): T[] =>
  list.toSorted((a, b) => (a.name < b.name ? -1 : 1));

const indexOf = (checkpoint: Checkpoint, name: string): number =>
  checkpoint.tensors.findIndex((tensor) => tensor.name === name);

const twins = (): Checkpoint[] => [packed, foreign];

it('opens as the same tensors', () => {
  const shapes = (of: Checkpoint) => byName(of.tensors).map(({ name, shape, role }) => ({ name, shape, role }));
  expect(shapes(packed)).toEqual(shapes(plain));
  expect(packed.tensors.filter(({ dtype }) => dtype === 'INT4')).toHaveLength(14);
});

it('has the same statistics', async () => {
  const scan = async (checkpoint: Checkpoint) => {
    const results: (TensorResult & { name: string })[] = [];
    await scanTensors(checkpoint, pool, {
      onResult: (result) => results.push({ ...result, tensor: 0, name: checkpoint.tensors[result.tensor]?.name ?? '' }),
    });
    return byName(results);
  };
  const wanted = await scan(plain);
  for (const twin of twins()) expect(await scan(twin)).toEqual(wanted);
});

it('shows the same tiles, rows and columns', async () => {
  const name = 'model.layers.1.mlp.down_proj.weight';
  const look = async (checkpoint: Checkpoint) => {
    const tensor = indexOf(checkpoint, name);
    const window = { rows: [3, 60], columns: [10, 91] } as const;
    const part = await readTile(checkpoint, pool, { tensor, ...window, width: 17, height: 300 });
    const whole = await readTile(checkpoint, pool, { tensor, rows: [0, 64], columns: [0, 96], width: 96, height: 8 });
    const row = await readChannel(checkpoint, pool, { tensor, axis: 'row', index: 61 });
    const column = await readChannel(checkpoint, pool, { tensor, axis: 'column', index: 95 });
    return { part: { ...part, tensor: 0 }, whole: { ...whole, tensor: 0 }, row, column };
  };
  const wanted = await look(plain);
  expect(wanted.column).toHaveLength(64);
  for (const twin of twins()) expect(await look(twin)).toEqual(wanted);
});

it('has the same damages', async () => {
  const scan = async (checkpoint: Checkpoint, maxElementsPerTensor?: number) => {
    const found: { name: string; damages: readonly Damage[] }[] = [];
    await scanSensitivity(checkpoint, pool, {
      types: GGUF_TARGETS.filter((type) => type !== 'F32'), // the plain twin's own
      maxElementsPerTensor,
      onRow: ({ tensor, damages }) => found.push({ name: checkpoint.tensors[tensor]?.name ?? '', damages }),
      cache: false,
    });
    return byName(found);
  };
  const [wanted, sampled] = [await scan(plain), await scan(plain, 1000)];
  expect(wanted.some(({ damages }) => damages.some(({ relativeError }) => relativeError > 0))).toBe(true);
  for (const twin of twins()) {
    expect(await scan(twin)).toEqual(wanted);
    expect(await scan(twin, 1000)).toEqual(sampled);
  }
});

it('exports the same GGUF, byte for byte, and verifies against each other', async () => {
  const exported = async (checkpoint: Checkpoint, output: string): Promise<Buffer> => {
    await runExport('gguf', { checkpoint, plan: allOf(checkpoint, 'Q4_0'), output, overwrite: false }, { pool });
    return readFileSync(output);
  };
  const wanted = await exported({ ...plain, name: 'gptq' }, join(folder, 'plain.gguf'));
  const found = await exported({ ...packed, name: 'gptq' }, join(folder, 'gptq.gguf'));
  expect(Buffer.compare(found, wanted)).toBe(0);
  const across = await verifyExport(packed, plain, pool);
  expect(across).toMatchObject({ ok: true, missing: [], extra: [], identical: plain.tensors.length });
});

it('exports the same safetensors; tensors kept as they are lose nothing or become a float type', async () => {
  const keepAll = planFor(plain, () => 'Q8_0');
  const plan = { ...keepAll, solution: { ...keepAll.solution, tensors: {} } };
  const exported = async (checkpoint: Checkpoint, output: string) => {
    const { verify } = await runExport('safetensors', { checkpoint, plan, output, overwrite: false }, { pool });
    return { verify, bytes: readFileSync(output) };
  };
  const wanted = await exported(plain, join(folder, 'plain.safetensors'));
  const strided = await exported(foreign, join(folder, 'foreign.safetensors'));
  expect(Buffer.compare(strided.bytes, wanted.bytes)).toBe(0);
  expect(strided.verify.identical).toBe(plain.tensors.length);

  const gptq = await exported(packed, join(folder, 'gptq.safetensors'));
  expect(gptq.verify.ok).toBe(true);
  const dtypes = new Map(gptq.verify.tensors.map(({ name, exportedDtype }) => [name, exportedDtype]));
  for (const tensor of packed.tensors)
    expect(dtypes.get(tensor.name)).toBe(tensor.dtype === 'INT4' ? 'BF16' : tensor.dtype);
  // bfloat16 rounds by at most 2⁻⁹ of the value.
  expect(gptq.verify.worstSqnr).toBeGreaterThan(50);

  const output = join(folder, 'kept.gguf');
  const kept = await runExport('gguf', { checkpoint: packed, plan, output, overwrite: false }, { pool });
  expect(kept.verify.tensors.find(({ name }) => name.endsWith('0.mlp.up_proj.weight'))?.exportedDtype).toBe('F16');
  expect(packed.tensors.filter(isQuantizable)).toHaveLength(16);
});
