// One PyTorch checkpoint per way to be wrong: pickle, tensors, legacy stream, tar archive, index.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ErrorCode } from '../../core/base/errors.ts';
import {
  dict,
  global,
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
} from '../fixtures/writePickle.ts';
import { concatenate } from '../fixtures/writeSafetensors.ts';
import { type Attack, fileAttack } from './attack.ts';

const FILE = 'model.pt';
const data = (bytes: number): Uint8Array => new Uint8Array(bytes);

function bytes(name: string, code: ErrorCode, build: () => Uint8Array): Attack {
  return fileAttack(`pt-${name}`, code, FILE, build);
}

/** The pickle of an archive, without PROTO and STOP. */
function pickled(name: string, code: ErrorCode, build: () => Uint8Array): Attack {
  return bytes(name, code, () => torchZip(build(), { 0: data(16) }));
}

/** One tensor on a storage of 4 elements. */
function viewed(
  name: string,
  code: ErrorCode,
  view: Parameters<typeof tensor>[1],
  elements: number | bigint = 4,
): Attack {
  return pickled(name, code, () => dict({ w: tensor(storage({ key: '0', elements }), view) }));
}

function legacy(name: string, code: ErrorCode, build: () => Uint8Array): Attack {
  return bytes(`legacy-${name}`, code, build);
}

const viewOf = (key: string, view: readonly [string, number, number] | null) =>
  dict({ w: tensor(storage({ key, elements: 4, view }), { shape: [2] }) });

const tarEntries = (storages: Uint8Array, tensors?: Uint8Array) => [
  { name: 'pickle', data: pickle(dict({})) },
  { name: 'storages', data: storages },
  ...(tensors === undefined ? [] : [{ name: 'tensors', data: tensors }]),
];
const tarStorage = (elements: bigint) =>
  concatenate([
    pickle(integer(1)),
    pickle(tuple(integer(1), text('cpu'), global('torch.FloatStorage'))),
    numberBytes(8, elements),
    data(16),
  ]);

function tar(name: string, code: ErrorCode, build: () => Uint8Array): Attack {
  return fileAttack(`pt-tar-${name}`, code, 'model.tar', build);
}

/** A folder with an index and one good shard. */
function indexed(name: string, code: ErrorCode, weightMap: Readonly<Record<string, string>>): Attack {
  return {
    name: `pt-index-${name}`,
    code,
    write(folder) {
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, 'a.bin'), torchZip(dict({ w: vector('0', 4) }), { 0: data(16) }));
      const path = join(folder, 'pytorch_model.bin.index.json');
      writeFileSync(path, JSON.stringify({ metadata: {}, weight_map: weightMap }));
      return path;
    },
  };
}

const STACK = 1_000_001;

export const PYTORCH_ATTACKS: readonly Attack[] = [
  // The container
  bytes('empty', 'FILE_EMPTY', () => data(0)),
  bytes('text', 'FORMAT_UNKNOWN', () => Buffer.from('this is no checkpoint')),
  bytes('zeros', 'FORMAT_UNKNOWN', () => data(64)),
  bytes('lfs-pointer', 'LFS_POINTER', () =>
    Buffer.from(`version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 7\n`),
  ),
  bytes('archive-cut', 'ARCHIVE_INVALID', () =>
    torchZip(dict({ w: vector('0', 4) }), { 0: data(16) }).subarray(0, 200),
  ),
  bytes('archive-without-pickle', 'FORMAT_UNKNOWN', () => torchZip(none, {}, { folder: 'a/b/' })),
  bytes('archive-two-pickles', 'FORMAT_UNKNOWN', () =>
    torchZip(none, {}, { extra: [{ name: 'other/data.pkl', data: pickle(none) }] }),
  ),
  bytes('byte-order', 'HEADER_INVALID', () => torchZip(none, {}, { byteOrder: 'middle' })),
  bytes('byte-order-long', 'HEADER_TOO_LARGE', () => torchZip(none, {}, { byteOrder: 'l'.repeat(1000) })),

  // The pickle
  bytes('pickle-empty', 'HEADER_TRUNCATED', () => torchZip(data(0), {}, { whole: true })),
  bytes('pickle-without-stop', 'HEADER_TRUNCATED', () => torchZip(ops(0x80, 2, 'N'), {}, { whole: true })),
  bytes('pickle-cut-in-text', 'HEADER_TRUNCATED', () => torchZip(text('cut here').subarray(0, 8), {}, { whole: true })),
  bytes('pickle-cut-in-line', 'HEADER_TRUNCATED', () => torchZip(ops('cos\nsyst'), {}, { whole: true })),
  pickled('protocol-9', 'VERSION_UNSUPPORTED', () => ops(0x80, 9, 'N')),
  pickled('opcode-unknown', 'HEADER_INVALID', () => ops(0xff)),
  pickled('opcode-extension', 'HEADER_INVALID', () => ops(0x82, 1)),
  pickled('opcode-buffer', 'HEADER_INVALID', () => ops(0x97)),
  pickled('stack-empty', 'HEADER_INVALID', () => ops('0')),
  pickled('stack-below-mark', 'HEADER_INVALID', () => ops('N(', 0x85)),
  pickled('stop-below-mark', 'HEADER_INVALID', () => ops('N(')),
  pickled('mark-missing', 'HEADER_INVALID', () => ops('Nt')),
  pickled('memo-missing', 'HEADER_INVALID', () => ops('h', 7)),
  pickled('memo-index-2^70', 'HEADER_INVALID', () => ops('Ng1180591620717411303424\n')),
  pickled('append-to-tuple', 'HEADER_INVALID', () => ops(')Na')),
  pickled('append-to-text', 'HEADER_INVALID', () => ops(text('x'), 'Na')),
  pickled('items-odd', 'HEADER_INVALID', () => ops('}(Nu')),
  pickled('items-of-list', 'HEADER_INVALID', () => ops('](NNu')),
  pickled('attributes-of-number', 'HEADER_INVALID', () => ops('K', 1, '}b')),
  pickled('call-without-tuple', 'HEADER_INVALID', () => ops(global('torch.Size'), ']R')),
  pickled('object-without-tuple', 'HEADER_INVALID', () => ops(global('torch.Size'), 'N', 0x81)),
  pickled('global-of-numbers', 'HEADER_INVALID', () => ops('K', 1, 'K', 2, 0x93)),
  pickled('global-long', 'NAME_INVALID', () => global(`os.${'x'.repeat(4000)}`)),
  pickled('frame-too-long', 'HEADER_TRUNCATED', () => ops(0x95, numberBytes(8, 1000n), 'N')),
  pickled('frame-2^63', 'HEADER_TOO_LARGE', () => ops(0x95, numberBytes(8, 2n ** 63n), 'N')),
  pickled('text-2^63', 'HEADER_TOO_LARGE', () => ops(0x8d, numberBytes(8, 2n ** 63n))),
  pickled('text-4GB', 'HEADER_TOO_LARGE', () => ops('X', numberBytes(4, 0xffffffffn))),
  pickled('text-negative', 'HEADER_INVALID', () => ops('T', numberBytes(4, -1n))),
  pickled('text-not-utf8', 'NAME_INVALID', () => ops('X', numberBytes(4, 2n), 0xff, 0xfe)),
  pickled('bytes-2^62', 'HEADER_TOO_LARGE', () => ops(0x8e, numberBytes(8, 2n ** 62n))),
  pickled('integer-1GB', 'COUNT_LIMIT', () => ops(0x8b, numberBytes(4, 2n ** 30n))),
  pickled('integer-negative-length', 'HEADER_INVALID', () => ops(0x8b, numberBytes(4, -5n))),
  pickled('integer-of-a-million-digits', 'COUNT_LIMIT', () => ops('L', '9'.repeat(1_000_000), 'L\n')),
  pickled('integer-text', 'HEADER_INVALID', () => ops('Ifive\n')),
  pickled('float-text', 'HEADER_INVALID', () => ops('F__proto__\n')),
  pickled('string-without-quotes', 'HEADER_INVALID', () => ops('Snothing\n')),
  pickled('stack-of-millions', 'COUNT_LIMIT', () => Buffer.alloc(STACK, 'N')),
  pickled('marks-by-millions', 'COUNT_LIMIT', () => Buffer.alloc(STACK, '(')),
  pickled('nested-deep', 'NESTING_LIMIT', () => ops(']'.repeat(10_000), 'a'.repeat(9_999))),
  pickled('nested-deep-objects', 'NESTING_LIMIT', () => ops('(ca\nB\no'.repeat(600), 'b'.repeat(599))),
  pickled('key-twice', 'DUPLICATE_NAME', () =>
    dict([
      [text('w'), vector('0', 4)],
      [text('w'), vector('0', 2)],
    ]),
  ),
  pickled('key-twice-in-steps', 'DUPLICATE_NAME', () => ops('}', text('w'), 'Ns', text('w'), 'Ns')),
  pickled('name-twice', 'DUPLICATE_NAME', () => dict({ 'a.b': vector('0', 4), a: dict({ b: vector('0', 2) }) })),
  pickled('name-long', 'NAME_INVALID', () => dict({ ['n'.repeat(2000)]: vector('0', 4) })),
  pickled('name-proto', 'NAME_INVALID', () => dict([[text('__proto__'), vector('0', 4)]])),

  // Storages
  pickled('persistent-id-text', 'HEADER_INVALID', () => ops('Pstorage\n')),
  pickled('persistent-id-unknown', 'HEADER_INVALID', () => ops(tuple(text('file'), none), 'Q')),
  pickled('storage-class', 'HEADER_INVALID', () =>
    ops(tuple(text('storage'), global('os.system'), text('0'), text('cpu'), integer(4)), 'Q'),
  ),
  pickled('storage-key', 'HEADER_INVALID', () =>
    ops(tuple(text('storage'), global('torch.FloatStorage'), none, text('cpu'), integer(4)), 'Q'),
  ),
  pickled('storage-negative', 'HEADER_INVALID', () => storage({ key: '0', elements: -4 })),
  pickled('storage-2^62', 'HEADER_INVALID', () => storage({ key: '0', elements: 2n ** 62n })),
  pickled('storage-view-beyond', 'HEADER_INVALID', () => storage({ key: '0', elements: 4, view: ['v', 3, 2] })),
  pickled('storage-missing', 'TENSOR_OVERRUN', () => dict({ w: vector('7', 4) })),
  pickled('storage-outside', 'TENSOR_OVERRUN', () => dict({ w: vector('../../0', 4) })),
  pickled('storage-short', 'TENSOR_OVERRUN', () => dict({ w: vector('0', 5) })),

  // Tensors
  viewed('view-beyond', 'TENSOR_OVERRUN', { start: 1, shape: [4] }),
  viewed('view-strides-beyond', 'TENSOR_OVERRUN', { shape: [2, 2], strides: [3, 1] }),
  viewed('view-start-2^52', 'TENSOR_OVERRUN', { start: 2 ** 52, shape: [1] }),
  viewed('view-start-negative', 'SHAPE_INVALID', { start: -1, shape: [2] }),
  viewed('view-start-fraction', 'SHAPE_INVALID', { shape: [2], strides: [-1] }),
  viewed('shape-negative', 'SHAPE_INVALID', { shape: [-2, -2] }),
  viewed('shape-overflow', 'SHAPE_INVALID', { shape: [2 ** 40, 2 ** 40], strides: [0, 0] }),
  viewed('shape-repeats-2^40', 'SHAPE_INVALID', { shape: [2 ** 40], strides: [0] }),
  viewed('shape-repeats-by-overlap', 'SHAPE_INVALID', { shape: Array(40).fill(2), strides: Array(40).fill(0) }),

  // Legacy streams
  legacy('cut-after-magic', 'HEADER_TRUNCATED', () => torchLegacy(dict({}), []).subarray(0, 15)),
  legacy('cut-in-object', 'HEADER_TRUNCATED', () => torchLegacy(viewOf('a', null), []).subarray(0, 150)),
  legacy('version-7', 'VERSION_UNSUPPORTED', () => torchLegacy(dict({}), [], 7)),
  legacy('storage-unknown', 'HEADER_INVALID', () => torchLegacy(dict({}), [{ key: 'a', elements: 4, data: data(16) }])),
  legacy('storage-twice', 'HEADER_INVALID', () => {
    const one = { key: 'a', elements: 4, data: data(16) };
    return torchLegacy(viewOf('a', null), [one, one]);
  }),
  legacy('storage-negative', 'HEADER_INVALID', () =>
    torchLegacy(viewOf('a', null), [{ key: 'a', elements: -1, data: data(16) }]),
  ),
  legacy('storage-2^62', 'HEADER_INVALID', () =>
    torchLegacy(viewOf('a', null), [{ key: 'a', elements: 2n ** 62n, data: data(16) }]),
  ),
  legacy('storage-cut', 'FILE_TRUNCATED', () =>
    torchLegacy(viewOf('a', null), [{ key: 'a', elements: 4, data: data(12) }]),
  ),
  legacy('storage-short', 'TENSOR_OVERRUN', () =>
    torchLegacy(viewOf('a', null), [{ key: 'a', elements: 3, data: data(12) }]),
  ),
  legacy('storage-not-listed', 'TENSOR_OVERRUN', () => torchLegacy(viewOf('a', null), [])),
  legacy('view-beyond', 'HEADER_INVALID', () =>
    torchLegacy(viewOf('a', ['v', 3, 4]), [{ key: 'a', elements: 4, data: data(16) }]),
  ),
  legacy('view-short', 'TENSOR_OVERRUN', () =>
    torchLegacy(viewOf('a', ['v', 3, 1]), [{ key: 'a', elements: 4, data: data(16) }]),
  ),
  legacy('keys-number', 'HEADER_INVALID', () =>
    concatenate([torchLegacy(dict({}), []).subarray(0, -6), pickle(integer(1))]),
  ),

  // Tar archives
  tar('other', 'FORMAT_UNKNOWN', () => tarBytes([{ name: 'readme', data: data(5) }])),
  tar('checksum', 'ARCHIVE_INVALID', () => {
    const whole = tarBytes(tarEntries(pickle(integer(0))));
    whole[0] = 0x71;
    return whole;
  }),
  tar('size-beyond', 'ARCHIVE_INVALID', () => tarBytes([{ name: 'pickle', data: data(5), size: 2 ** 30 }])),
  tar('entry-twice', 'DUPLICATE_NAME', () =>
    tarBytes([...tarEntries(pickle(integer(0))), { name: 'pickle', data: pickle(none) }]),
  ),
  tar('pax-length', 'ARCHIVE_INVALID', () =>
    tarBytes([{ name: 'x', type: 'x', data: Buffer.from('999 path=a\n') }, ...tarEntries(pickle(integer(0)))]),
  ),
  tar('storages-2^31', 'COUNT_LIMIT', () => tarBytes(tarEntries(pickle(integer(2 ** 31))))),
  tar('storages-cut', 'HEADER_TRUNCATED', () => tarBytes(tarEntries(pickle(integer(3))))),
  tar('storage-2^40', 'FILE_TRUNCATED', () => tarBytes(tarEntries(tarStorage(2n ** 40n)))),
  tar('views-beyond', 'HEADER_INVALID', () => {
    const views = pickle(list(tuple(integer(2), integer(1), integer(3), integer(2))));
    return tarBytes(tarEntries(concatenate([tarStorage(4n), views])));
  }),
  tar('dimensions-negative', 'SHAPE_INVALID', () => {
    const one = pickle(tuple(integer(5), integer(1), none));
    return tarBytes(tarEntries(tarStorage(4n), concatenate([pickle(integer(1)), one, numberBytes(8, 0xffffffffn)])));
  }),
  tar('tensor-without-storage', 'HEADER_INVALID', () => {
    const one = pickle(tuple(integer(5), integer(9), none));
    return tarBytes(tarEntries(tarStorage(4n), concatenate([pickle(integer(1)), one, data(64)])));
  }),

  // Indexes
  indexed('escape', 'PATH_ESCAPE', { w: '../a.bin' }),
  indexed('absolute', 'PATH_ESCAPE', { w: '/etc/passwd' }),
  indexed('shard-missing', 'SHARD_MISSING', { w: 'b.bin' }),
  indexed('tensor-elsewhere', 'SHARD_MISMATCH', { w: 'a.bin', x: 'a.bin' }),
];
