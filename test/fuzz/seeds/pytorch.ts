// Valid PyTorch files: state dicts in a zip archive, the legacy stream and tar, views and shared storages, odd objects.

import {
  call,
  dict,
  type FixtureView,
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
import type { Seed } from '../seeds.ts';

const STORAGES = [
  { key: '0', type: 'FloatStorage', elements: 24, data: data(96) },
  { key: '1', type: 'BFloat16Storage', elements: 8, data: data(16) },
  { key: '2', type: 'LongStorage', elements: 1, data: data(8) },
] as const;
const VIEWS: readonly (readonly [name: string, storage: 0 | 1 | 2, view: FixtureView])[] = [
  ['a.weight', 0, { shape: [4, 6] }],
  ['a.turned', 0, { shape: [6, 4], strides: [1, 6] }],
  ['a.part', 0, { shape: [2, 3], strides: [12, 2], start: 7 }],
  ['b.weight', 1, { shape: [8] }],
  ['b.wide', 1, { shape: [3, 5], strides: [1, 0], start: 2 }],
  ['steps', 2, { shape: [] }],
];

export function pytorchSeeds(): Seed[] {
  const files = Object.fromEntries(STORAGES.map(({ key, data: bytes }) => [key, bytes]));
  const optimizer = dict({ state: dict({}), param_groups: list(integer(1)) });
  const training = dict({ model: stateDict(false), epoch: integer(3), optimizer, args: none });
  const ran = dict({ weight: vector('0', 24), hook: call('os.system', text('true')) });
  const zip = torchZip(stateDict(false), files, { byteOrder: 'little' });
  const index = { metadata: {}, weight_map: Object.fromEntries(VIEWS.map(([name]) => [name, 'one.bin'])) };
  return [
    file('model.pt', zip),
    file('model.pth', torchZip(stateDict(false), files, { deflate: true })),
    file('checkpoint.ckpt', torchZip(training, files)),
    file('hostile.pt', torchZip(ran, files)),
    file('legacy.pt', torchLegacy(stateDict(true), STORAGES)),
    file('old.tar', tar()),
    {
      open: '.',
      files: { 'one.bin': zip, 'pytorch_model.bin.index.json': new TextEncoder().encode(JSON.stringify(index)) },
    },
  ];
}

/** @param legacy with a view's metadata in every storage's id */
function stateDict(legacy: boolean): Uint8Array {
  const entries = VIEWS.map(([name, at, view]) => {
    const { key, type, elements } = STORAGES[at];
    return [name, tensor(storage({ key, type, elements, ...(legacy ? { view: null } : {}) }), view)] as const;
  });
  return dict(Object.fromEntries(entries));
}

/** The oldest container: pickled storages and tensors, each with its numbers behind it. */
function tar(): Uint8Array {
  const [{ key, elements, data: bytes }] = STORAGES;
  const type = ops('ctorch\nFloatStorage\n');
  const head = tuple(text(key), text('cpu'), type);
  const storages = ops(pickle(integer(1)), pickle(head), numberBytes(8, BigInt(elements)), bytes);
  const view = call(
    'torch._utils._rebuild_tensor_v2',
    tuple(text('storage'), type, text(key), text('cpu'), integer(elements)),
    integer(0),
    tuple(integer(4), integer(6)),
    tuple(integer(6), integer(1)),
    ops(0x89),
    call('collections.OrderedDict'),
  );
  return tarBytes([
    { name: 'sys_info', data: pickle(dict({ little_endian: ops(0x88) })) },
    { name: 'pickle', data: pickle(dict({ weight: view })) },
    { name: 'storages', data: storages },
  ]);
}

function data(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => i * 29);
}

function file(name: string, bytes: Uint8Array): Seed {
  return { files: { [name]: new Uint8Array(bytes) }, open: name };
}
