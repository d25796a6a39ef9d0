// One NumPy array per way to be wrong; archives are in zipAttacks.ts.

import type { ErrorCode } from '../../core/base/errors.ts';
import { joinNpy, npyBytes } from '../fixtures/writeNpy.ts';
import { type Attack, fileAttack } from './attack.ts';

const data = new Float32Array(32);
const good = (): Uint8Array => npyBytes({ descr: '<f4', shape: [4, 8], data });

function bytes(name: string, code: ErrorCode, build: () => Uint8Array): Attack {
  return fileAttack(name, code, 'array.npy', build);
}

/** An array with this header. */
function header(name: string, code: ErrorCode, text: string | Uint8Array, version = 1): Attack {
  return bytes(name, code, () => joinNpy(text, data, version));
}

const shaped = (shape: string): string => `{'descr': '<f4', 'fortran_order': False, 'shape': ${shape}, }`;

export const NUMPY_ATTACKS: readonly Attack[] = [
  // The container
  bytes('npy-empty', 'FILE_EMPTY', () => new Uint8Array(0)),
  bytes('npy-magic-only', 'HEADER_TRUNCATED', () => good().subarray(0, 6)),
  bytes('npy-cut-in-length', 'HEADER_TRUNCATED', () => good().subarray(0, 9)),
  bytes('npy-cut-in-header', 'HEADER_TRUNCATED', () => good().subarray(0, 100)),
  bytes('npy-cut-in-data', 'TENSOR_OVERRUN', () => good().subarray(0, -1)),
  bytes('npy-wrong-magic', 'FORMAT_UNKNOWN', () => good().fill(0x92, 0, 1)),
  bytes('npy-version-0', 'VERSION_UNSUPPORTED', () => good().fill(0, 6, 7)),
  bytes('npy-version-4', 'VERSION_UNSUPPORTED', () => good().fill(4, 6, 7)),
  bytes('npy-version-1.1', 'VERSION_UNSUPPORTED', () => good().fill(1, 7, 8)),
  bytes('npy-header-2^32-1', 'HEADER_TOO_LARGE', () => joinNpy(shaped('(4, 8)'), data, 2).fill(0xff, 8, 12)),
  bytes('npy-header-65535', 'HEADER_TOO_LARGE', () => good().fill(0xff, 8, 10)),
  bytes('npy-header-0', 'HEADER_INVALID', () => good().fill(0, 8, 10)),

  // The dictionary
  header('npy-code', 'HEADER_INVALID', "__import__('os').system('true')"),
  header('npy-code-in-shape', 'HEADER_INVALID', shaped("(4, __import__('os').system('true'))")),
  header('npy-lambda', 'HEADER_INVALID', "{'descr': (lambda: 1)(), 'fortran_order': False, 'shape': (4, 8)}"),
  header('npy-not-a-dictionary', 'HEADER_INVALID', '[1, 2]'),
  header('npy-no-shape', 'HEADER_INVALID', "{'descr': '<f4', 'fortran_order': False}"),
  header('npy-one-key-more', 'HEADER_INVALID', "{'descr': '<f4', 'fortran_order': False, 'shape': (4,), 'x': 1}"),
  header('npy-key-twice', 'DUPLICATE_NAME', "{'descr': '<f4', 'shape': (4,), 'shape': (4, 8), 'fortran_order': False}"),
  header('npy-prototype-key', 'HEADER_INVALID', "{'__proto__': {}, 'descr': '<f4', 'fortran_order': False}"),
  header('npy-order-a-number', 'HEADER_INVALID', "{'descr': '<f4', 'fortran_order': 1, 'shape': (4, 8)}"),
  header('npy-unclosed', 'HEADER_INVALID', "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 8)"),
  header('npy-string-without-end', 'HEADER_INVALID', "{'descr': '<f4"),
  header('npy-string-ends-in-escape', 'HEADER_INVALID', `{'descr': '${'\\'.repeat(900)}`),
  header('npy-second-value', 'HEADER_INVALID', `${shaped('(4, 8)')} ${shaped('(4, 8)')}`),
  header('npy-nested-deep', 'NESTING_LIMIT', '('.repeat(9000)),
  header('npy-nested-dictionaries', 'NESTING_LIMIT', "{'a':".repeat(1500)),
  header('npy-not-utf8', 'HEADER_INVALID', Uint8Array.of(0x7b, 0xff, 0xfe, 0x7d), 3),

  // The shape
  header('npy-shape-a-number', 'HEADER_INVALID', shaped('(32)')),
  header('npy-shape-a-list', 'HEADER_INVALID', shaped('[4, 8]')),
  header('npy-shape-of-text', 'HEADER_INVALID', shaped("('4', 8)")),
  header('npy-shape-fraction', 'HEADER_INVALID', shaped('(4.0, 8)')),
  header('npy-shape-negative', 'SHAPE_INVALID', shaped('(-4, -8)')),
  header('npy-shape-2^64', 'SHAPE_INVALID', shaped('(18446744073709551616,)')),
  header('npy-shape-product-wraps', 'SHAPE_INVALID', shaped('(4294967296, 4294967296)')),
  header('npy-shape-bytes-wrap', 'SHAPE_INVALID', shaped('(4611686018427387904,)')),
  header('npy-shape-9000-digits', 'SHAPE_INVALID', shaped(`(${'9'.repeat(9000)},)`)),
  header('npy-rank-65', 'SHAPE_INVALID', shaped(`(${'1, '.repeat(65)})`)),
  header('npy-larger-than-file', 'TENSOR_OVERRUN', shaped('(1000000, 1000000)')),
  header('npy-fortran-larger-than-file', 'TENSOR_OVERRUN', shaped('(9, 9)').replace('False', 'True')),
];
