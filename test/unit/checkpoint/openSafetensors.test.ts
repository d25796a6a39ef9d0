// safetensors: single files, shards, folders; only header bytes are read.

import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { HEAD_BYTES } from '../../../core/checkpoint/format.ts';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { sharedData } from '../../fixtures/sharedData.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import {
  type FixtureTensor,
  joinSafetensors,
  safetensorsBytes,
  writeSafetensors,
  writeShardedSafetensors,
} from '../../fixtures/writeSafetensors.ts';

const folder = temporaryFolder();
const f32 = (name: string, shape: readonly number[]): FixtureTensor => ({
  name,
  dtype: 'F32',
  shape,
  data: new Float32Array(shape.reduce((product, dimension) => product * dimension, 1)),
});

describe('one file', () => {
  test('every dtype with its size, in header order', async () => {
    const sizes: Record<string, [bytes: number, shape: number[]]> = {
      F64: [48, [2, 3]],
      F32: [24, [2, 3]],
      F16: [12, [2, 3]],
      BF16: [12, [2, 3]],
      F8_E4M3: [6, [2, 3]],
      F8_E5M2: [6, [2, 3]],
      F8_E8M0: [6, [2, 3]],
      F8_E4M3FNUZ: [6, [2, 3]],
      F8_E5M2FNUZ: [6, [2, 3]],
      F6_E2M3: [6, [2, 4]],
      F6_E3M2: [6, [2, 4]],
      F4: [3, [2, 3]],
      I64: [48, [2, 3]],
      I32: [24, [2, 3]],
      I16: [12, [2, 3]],
      I8: [6, [2, 3]],
      U64: [48, [2, 3]],
      U32: [24, [2, 3]],
      U16: [12, [2, 3]],
      U8: [6, [2, 3]],
      BOOL: [6, [2, 3]],
      C64: [48, [2, 3]],
    };
    const path = join(folder, 'dtypes.safetensors');
    const tensors = Object.entries(sizes).map(([dtype, [bytes, shape]]) => ({
      name: `t.${dtype}`,
      dtype,
      shape,
      data: new Uint8Array(bytes),
    }));
    writeSafetensors(path, tensors, { format: 'pt' });
    const checkpoint = await openCheckpoint(path);
    expect(checkpoint.format).toBe('safetensors');
    expect(checkpoint.metadata).toEqual({ format: 'pt' });
    expect(checkpoint.tensors.map((tensor) => [tensor.dtype, tensor.bytes, tensor.shape])).toEqual(
      Object.entries(sizes).map(([dtype, [bytes, shape]]) => [dtype, bytes, shape]),
    );
    expect(checkpoint.tensors.map((tensor) => tensor.index)).toEqual(tensors.map((_, index) => index));
  });

  test('offsets point at the data', async () => {
    const path = join(folder, 'offsets.safetensors');
    const data = Float32Array.of(1, 2, 3, 4);
    writeSafetensors(path, [f32('a', [3]), { name: 'b', dtype: 'F32', shape: [2, 2], data }]);
    const { tensors } = await openCheckpoint(path);
    const b = tensors[1];
    const bytes = readFileSync(path).subarray(b?.offset, (b?.offset ?? 0) + (b?.bytes ?? 0));
    expect(new Float32Array(new Uint8Array(bytes).buffer)).toEqual(data);
  });

  test('scalars and zero-element tensors are fine', async () => {
    const path = join(folder, 'empty-tensors.safetensors');
    writeSafetensors(path, [f32('none', [0, 7]), f32('scalar', []), f32('end', [3, 0])]);
    const { tensors } = await openCheckpoint(path);
    expect(tensors.map((tensor) => [tensor.elements, tensor.bytes])).toEqual([
      [0, 0],
      [1, 4],
      [0, 0],
    ]);
  });

  test('tensors may be listed in any order', async () => {
    const path = join(folder, 'unordered.safetensors');
    const entry = (begin: number): string => `{"shape":[2],"data_offsets":[${begin},${begin + 8}],"dtype":"F32"}`;
    writeFileSync(path, joinSafetensors(`{"b":${entry(8)},"c":${entry(16)},"a":${entry(0)}}`, new Uint8Array(24)));
    const { tensors } = await openCheckpoint(path);
    expect(tensors.map((tensor) => tensor.name)).toEqual(['b', 'c', 'a']);
  });

  test('names are data: escapes, control characters, other scripts, prototype keys', async () => {
    const names = ['a\nb\u0000c', '权重.0.weight', 'toString', 'constructor', 'quote"\\', '😀', ''];
    const path = join(folder, 'names.safetensors');
    writeSafetensors(
      path,
      names.map((name) => f32(name, [1])),
      JSON.parse('{"__proto__":"kept"}'),
    );
    const { tensors, metadata } = await openCheckpoint(path);
    expect(tensors.map((tensor) => tensor.name)).toEqual(names);
    expect(Object.entries(metadata)).toEqual([['__proto__', 'kept']]);
    expect(Object.getPrototypeOf(metadata)).toBe(Object.prototype);
  });

  test('a tensor called __proto__ is refused: no plan document could hold it', async () => {
    const path = join(folder, 'proto.safetensors');
    writeSafetensors(path, [f32('__proto__', [1])]);
    await expect(openCheckpoint(path)).rejects.toMatchObject({ code: 'NAME_INVALID' });
  });

  test('content decides over the extension', async () => {
    const path = join(folder, 'weights.bin');
    writeSafetensors(path, [f32('a', [1])]);
    expect((await openCheckpoint(path)).format).toBe('safetensors');
  });

  test('reads the header, not the data: 8 GB sparse', async () => {
    const path = join(folder, 'sparse.safetensors');
    const header = '{"a":{"dtype":"F16","shape":[65536,65536],"data_offsets":[0,8589934592]}}';
    const bytes = joinSafetensors(header, new Uint8Array(0));
    writeFileSync(path, bytes);
    truncateSync(path, bytes.length + 2 ** 33);
    const checkpoint = await openCheckpoint(path);
    expect(checkpoint.tensors[0]?.bytes).toBe(2 ** 33);
    // The header, and the head of the file to recognise the format.
    expect(checkpoint.bytesRead).toBe(bytes.length + HEAD_BYTES);
  });

  test('the fingerprint follows content and time', async () => {
    const path = join(folder, 'fingerprint.safetensors');
    writeSafetensors(path, [f32('a', [1])]);
    utimesSync(path, 1000, 1000);
    const first = (await openCheckpoint(path)).fingerprint;
    expect(first).toMatch(/^[0-9a-f]{32}$/);
    expect((await openCheckpoint(path)).fingerprint).toBe(first);
    utimesSync(path, 1000, 2000);
    const touched = (await openCheckpoint(path)).fingerprint;
    writeSafetensors(path, [f32('b', [1])]);
    utimesSync(path, 1000, 1000);
    const renamed = (await openCheckpoint(path)).fingerprint;
    expect(new Set([first, touched, renamed]).size).toBe(3);
  });

  test('a fired signal cancels', async () => {
    const path = join(folder, 'dtypes.safetensors');
    const open = openCheckpoint(path, { signal: AbortSignal.abort() });
    await expect(open).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});

describe('shards and folders', () => {
  const shards = [
    [f32('model.layers.0.mlp.up_proj.weight', [4, 4])],
    [f32('model.layers.1.mlp.up_proj.weight', [4, 4])],
  ];

  test('index, folder and config', async () => {
    const model = join(folder, 'sharded');
    writeShardedSafetensors(model, shards, { model_type: 'llama', hidden_size: 4 });
    const fromFolder = await openCheckpoint(model);
    const fromIndex = await openCheckpoint(join(model, 'model.safetensors.index.json'));
    expect(fromFolder.name).toBe('sharded');
    expect(fromIndex.name).toBe('sharded');
    expect(fromFolder.tensors).toEqual(fromIndex.tensors);
    expect(fromFolder.fingerprint).toBe(fromIndex.fingerprint);
    expect(fromFolder.files.map((file) => file.path)).toEqual(
      [1, 2].map((number) => join(model, `model-0000${number}-of-00002.safetensors`)),
    );
    expect(fromFolder.tensors.map((tensor) => tensor.file)).toEqual([0, 1]);
    expect(fromFolder.config).toEqual({ model_type: 'llama', hidden_size: 4 });
    expect(fromFolder.model).toEqual({ architecture: 'llama', layers: 2 });
    expect(fromFolder.warnings).toEqual([]);
  });

  test('a shard alone opens with a warning', async () => {
    const model = join(folder, 'lonely');
    const [first] = writeShardedSafetensors(model, shards);
    const checkpoint = await openCheckpoint(first ?? '');
    expect(checkpoint.tensors).toHaveLength(1);
    expect(checkpoint.warnings.join()).toContain('one of 2 shards');
  });

  test('links to blobs, as download caches have them, are followed', async () => {
    const blobs = join(folder, 'blobs');
    const model = join(folder, 'snapshot');
    mkdirSync(blobs);
    mkdirSync(model);
    writeFileSync(join(blobs, 'c0ffee'), safetensorsBytes([f32('a', [2])]));
    symlinkSync(join(blobs, 'c0ffee'), join(model, 'model-00001-of-00001.safetensors'));
    const index = { weight_map: { a: 'model-00001-of-00001.safetensors' } };
    writeFileSync(join(model, 'model.safetensors.index.json'), JSON.stringify(index));
    expect((await openCheckpoint(model)).tensors).toHaveLength(1);
  });

  test('shards without an index, a single odd name, and model.safetensors before others', async () => {
    const bare = join(folder, 'bare');
    mkdirSync(bare);
    writeSafetensors(join(bare, 'x-00001-of-00002.safetensors'), [f32('a', [1])]);
    writeSafetensors(join(bare, 'x-00002-of-00002.safetensors'), [f32('b', [1])]);
    expect((await openCheckpoint(bare)).tensors.map((tensor) => tensor.name)).toEqual(['a', 'b']);
    const odd = join(folder, 'odd');
    mkdirSync(odd);
    writeSafetensors(join(odd, 'adapter.safetensors'), [f32('a', [1])]);
    expect((await openCheckpoint(odd)).files[0]?.path).toBe(join(odd, 'adapter.safetensors'));
    writeSafetensors(join(odd, 'model.safetensors'), [f32('m', [1])]);
    expect((await openCheckpoint(odd)).files[0]?.path).toBe(join(odd, 'model.safetensors'));
  });

  test('trouble in config.json, unlisted tensors and a wrong total are warnings', async () => {
    const model = join(folder, 'warnings');
    writeShardedSafetensors(model, shards);
    writeFileSync(join(model, 'config.json'), '[1]');
    const shard = 'model-00001-of-00002.safetensors';
    const map = { [shards[1]?.[0]?.name ?? '']: 'model-00002-of-00002.safetensors', extra: shard };
    writeSafetensors(join(model, shard), [f32('extra', [1]), f32('unlisted', [1])]);
    const index = { metadata: { total_size: 5 }, weight_map: map };
    writeFileSync(join(model, 'model.safetensors.index.json'), JSON.stringify(index));
    const checkpoint = await openCheckpoint(model);
    expect(checkpoint.config).toBeNull();
    expect(checkpoint.warnings).toHaveLength(3);
    expect(checkpoint.warnings.join()).toMatch(/1 tensors .* not in the index.*total_size says 5.*not a JSON object/);
  });
});

describe('real files', () => {
  test.for<[string, number, string | null]>([
    ['models/tinystories-656K-safetensors/models/story/model.safetensors', 20, 'llama'],
    ['models/silero-vad/src/silero_vad/data/silero_vad_16k.safetensors', 15, null],
    ['models/retsim-safetensors/weights/model.safetensors', 23, null],
    ['models/mnist-burn/examples/import-model-weights/weights/mnist.safetensors', 20, null],
    ['models/safetensors-sharded-julia/test/sharded', 36, null],
    ['models/safetensors-sharded-julia/test/non_sharded/model.safetensors', 36, null],
    ['models/safetensors-sharded-julia/test/non_sharded/model.with_metadata.safetensors', 36, null],
    ['models/safetensors-sharded-julia/test/non_sharded/model.numpy.safetensors', 27, null],
    [
      'models/burn-pytorch-fixtures/crates/burn-store/safetensors-tests/tests/multi_layer/multi_layer.safetensors',
      9,
      null,
    ],
    ['abuse/safetensors-cpp-abuse/gen/model.safetensors', 2, null],
  ])('%s', async ([relative, count, architecture], { skip }) => {
    const path = sharedData(relative);
    if (path === null) return skip('the data is not on this machine');
    const checkpoint = await openCheckpoint(path);
    expect(checkpoint.tensors).toHaveLength(count);
    expect(checkpoint.model.architecture).toBe(architecture);
    expect(checkpoint.warnings).toEqual([]);
    const data = checkpoint.tensors.reduce((total, tensor) => total + tensor.bytes, 0);
    const files = checkpoint.files.reduce((total, file) => total + file.sizeBytes, 0);
    expect(data).toBeLessThan(files);
  });

  test('the same tensors come out of one file and of six shards', async ({ skip }) => {
    const single = sharedData('models/safetensors-sharded-julia/test/non_sharded/model.safetensors');
    const sharded = sharedData('models/safetensors-sharded-julia/test/sharded');
    if (single === null || sharded === null) return skip('the data is not on this machine');
    const digests = async (path: string): Promise<Record<string, string>> => {
      const { tensors, files } = await openCheckpoint(path);
      const contents = files.map((file) => readFileSync(file.path));
      return Object.fromEntries(
        tensors.map((tensor) => {
          const bytes = contents[tensor.file]?.subarray(tensor.offset, tensor.offset + tensor.bytes) ?? Buffer.alloc(0);
          const digest = createHash('sha256').update(bytes).digest('hex');
          return [tensor.name, `${tensor.dtype} [${tensor.shape}] ${digest}`];
        }),
      );
    };
    expect(await digests(sharded)).toEqual(await digests(single));
  });
});
