// Importance matrices, of both file kinds, that are wrong in one way each.

import type { ErrorCode } from '../../core/base/errors.ts';
import { ggufBytes } from '../fixtures/writeGguf.ts';
import { imatrixBytes } from '../fixtures/writeImatrix.ts';
import { type Attack, fileAttack } from './attack.ts';

const NAME = 'blk.0.attn_q.weight';
const entry = { name: NAME, calls: 2, values: [1, 2, 3, 4] };

/** A legacy file with one i32 overwritten. */
function legacy(name: string, code: ErrorCode, at: number, value: number): Attack {
  return fileAttack(name, code, 'm.imatrix', () => {
    const bytes = imatrixBytes([entry, { ...entry, name: 'blk.1.attn_q.weight' }]);
    new DataView(bytes.buffer).setInt32(at, value, true);
    return bytes;
  });
}

const f32 = (name: string, shape: number[]) => ({
  name,
  dtype: 'F32',
  shape,
  data: new Float32Array(shape.reduce((product, n) => product * n, 1)),
});

function gguf(name: string, tensors: readonly ReturnType<typeof f32>[]): Attack {
  return fileAttack(name, 'PACKING_INVALID', 'm.gguf', () => ggufBytes(tensors, { 'general.type': 'imatrix' }));
}

const CALLS_AT = 8 + NAME.length;

export const IMATRIX_ATTACKS: readonly Attack[] = [
  legacy('imatrix-no-entries', 'COUNT_LIMIT', 0, 0),
  legacy('imatrix-negative-entries', 'COUNT_LIMIT', 0, -1),
  legacy('imatrix-2^31-1-entries', 'COUNT_LIMIT', 0, 0x7fffffff),
  legacy('imatrix-one-entry-too-many', 'HEADER_TRUNCATED', 0, 3),
  legacy('imatrix-name-negative', 'NAME_INVALID', 4, -5),
  legacy('imatrix-name-2^31-1', 'NAME_INVALID', 4, 0x7fffffff),
  legacy('imatrix-values-negative', 'SHAPE_INVALID', CALLS_AT + 4, -1),
  legacy('imatrix-values-none', 'SHAPE_INVALID', CALLS_AT + 4, 0),
  legacy('imatrix-values-2^31-1', 'TENSOR_OVERRUN', CALLS_AT + 4, 0x7fffffff),
  fileAttack('imatrix-cut', 'HEADER_TRUNCATED', 'm.imatrix', () =>
    imatrixBytes([entry, entry]).subarray(0, CALLS_AT + 8 + 16 + 10),
  ),
  fileAttack('imatrix-name-twice', 'DUPLICATE_NAME', 'm.imatrix', () => imatrixBytes([entry, entry])),
  fileAttack('imatrix-name-not-utf8', 'NAME_INVALID', 'm.imatrix', () => {
    const bytes = imatrixBytes([entry]);
    bytes.set([0xc0, 0x80], 8);
    return bytes;
  }),
  gguf('imatrix-gguf-no-counts', [f32('a.in_sum2', [1, 4])]),
  gguf('imatrix-gguf-no-sums', [f32('a.counts', [1, 1])]),
  gguf('imatrix-gguf-counts-do-not-fit', [f32('a.in_sum2', [3, 4]), f32('a.counts', [2, 1])]),
];
