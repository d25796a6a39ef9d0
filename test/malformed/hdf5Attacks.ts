// One HDF5 file per way to be wrong.

import type { ErrorCode } from '../../core/base/errors.ts';
import { contiguous, type H5Dataset, type H5Group, hdf5Bytes, integer, le } from '../fixtures/writeHdf5.ts';
import { type Attack, fileAttack } from './attack.ts';

const four = (): Uint8Array => new Uint8Array(4);
const good: H5Dataset = { shape: [1], data: four() };

function h5(name: string, code: ErrorCode, build: () => Uint8Array): Attack {
  return fileAttack(`hdf5-${name}`, code, 'model.h5', build);
}

function group(name: string, code: ErrorCode, root: () => H5Group, style: 'old' | 'new' = 'old'): Attack {
  return h5(name, code, () => hdf5Bytes(root(), style));
}

/** The file with some bytes replaced at, or from, the first place a signature stands. */
function patched(root: H5Group, signature: string, offset: number, bytes: number[], style: 'old' | 'new' = 'old') {
  const file = hdf5Bytes(root, style);
  const at = Buffer.from(file).indexOf(signature);
  if (at < 0) throw new Error(`no ${signature} in the file`);
  file.set(bytes, at + offset);
  return file;
}

function nested(depth: number): H5Group {
  let root: H5Group = { w: good };
  for (let level = 0; level < depth; level++) root = { g: root };
  return root;
}

/** A tree that is its own child. */
function treeLoop(): Uint8Array {
  const file = hdf5Bytes({ w: good });
  const at = Buffer.from(file).indexOf('TREE');
  file.set([...le(1, 1)], at + 5);
  file.set(le(at, 8), at + 32);
  return file;
}

/** A continuation block that continues in itself. */
function headerLoop(): Uint8Array {
  const file = hdf5Bytes({ w: { ...good, extra: [{ type: 0x10, body: [...le(0, 8), ...le(24, 8)] }] } });
  const pattern = Buffer.from([...le(0x10, 2), ...le(16, 2)]);
  const at = Buffer.from(file).indexOf(pattern);
  file.set(le(at, 8), at + 8);
  return file;
}

export const HDF5_ATTACKS: readonly Attack[] = [
  h5('signature-only', 'HEADER_TRUNCATED', () => hdf5Bytes({}).slice(0, 8)),
  h5('truncated-superblock', 'HEADER_TRUNCATED', () => hdf5Bytes({}).slice(0, 40)),
  h5('version', 'VERSION_UNSUPPORTED', () => {
    const file = hdf5Bytes({ w: good });
    file[8] = 9;
    return file;
  }),
  h5('width', 'HEADER_INVALID', () => {
    const file = hdf5Bytes({ w: good });
    file[13] = 3;
    return file;
  }),
  h5('root-outside', 'HEADER_INVALID', () => {
    const file = hdf5Bytes({ w: good });
    file.set(le(2 ** 50, 8), 64);
    return file;
  }),
  h5('heap-outside', 'HEADER_INVALID', () => patched({ w: good }, 'HEAP', 24, le(2 ** 40, 8))),
  h5('heap-huge', 'HEADER_INVALID', () => patched({ w: good }, 'HEAP', 8, le(2 ** 52, 8))),
  h5('name-outside-heap', 'NAME_INVALID', () => patched({ w: good }, 'SNOD', 8, le(2 ** 30, 8))),
  h5('symbol-count', 'HEADER_INVALID', () => patched({ w: good }, 'SNOD', 6, le(65535, 2))),
  h5('tree-signature', 'HEADER_INVALID', () => patched({ w: good }, 'TREE', 0, [0, 0, 0, 0])),
  h5('tree-type', 'HEADER_INVALID', () => patched({ w: good }, 'TREE', 4, [1])),
  h5('tree-loop', 'HEADER_INVALID', treeLoop),
  h5('header-loop', 'HEADER_INVALID', headerLoop),
  h5('link-name-huge', 'NAME_INVALID', () => {
    const file = hdf5Bytes({ w: good }, 'new');
    const at = Buffer.from(file).indexOf(Buffer.from([1, 0, 1, 0x77]));
    file.set([1, 2, 255, 255, 255, 255], at);
    return file;
  }),
  h5('name-not-utf8', 'NAME_INVALID', () => patched({ wwww: good }, 'wwww', 0, [0xff, 0xfe, 0xff, 0xfe])),
  group('nesting', 'NESTING_LIMIT', () => nested(40)),
  group('nesting-new', 'NESTING_LIMIT', () => nested(40), 'new'),
  group('same-name-twice', 'DUPLICATE_NAME', () => ({ model_weights: { w: good }, w: good })),
  group('too-short', 'SHAPE_INVALID', () => ({ w: { shape: [2], data: four() } })),
  group('too-long', 'SHAPE_INVALID', () => ({ w: { shape: [1], data: new Uint8Array(8) } })),
  group('shape-overflow', 'SHAPE_INVALID', () => ({ w: { shape: [2 ** 40, 2 ** 40], data: four() } })),
  group('rank', 'SHAPE_INVALID', () => ({ w: { shape: new Array<number>(100).fill(1), data: four() } })),
  group('overrun', 'TENSOR_OVERRUN', () => ({
    w: { shape: [2 ** 30], data: four(), type: integer(1, true), layout: contiguous(2 ** 30) },
  })),
  group('layout-version', 'VERSION_UNSUPPORTED', () => ({ w: { ...good, layout: () => [9, 1, ...le(0, 16)] } })),
  group('layout-short', 'HEADER_TRUNCATED', () => ({ w: { ...good, layout: () => [3, 1] } }), 'new'),
];
