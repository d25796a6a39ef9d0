// Weights of onnxruntime's operators on blocks of codes: MatMulNBits and GatherBlockQuantized.

import type { DType } from '../../tensor/dtype.ts';
import { codeMatrix, grouped, plainMatrix } from '../../tensor/packing.ts';
import type { CodeMatrix, Extent, Grouped, Matrix } from '../../tensor/storage.ts';
import type { QuantizedWeight, Unbuilt } from './affineWeight.ts';
import { type Locate, matrixOf } from './parts.ts';
import type { TensorRecord } from './tensorProto.ts';

/** Bits that whole codes of a byte can have. */
const BITS: ReadonlySet<number> = new Set([2, 4, 8]);
const DTYPE_OF_BITS: Readonly<Record<number, DType>> = { 2: 'INT2', 4: 'INT4', 8: 'INT8' };

export interface BlockParts {
  readonly method: string;
  readonly codes: TensorRecord;
  readonly scales: TensorRecord;
  readonly zeros: TensorRecord | undefined;
  /** Block of each column, in place of its position. */
  readonly listed?: TensorRecord | undefined;
  readonly rows: number;
  readonly columns: number;
  readonly bits: number;
  readonly block: number;
  /** Of the logical tensor. */
  readonly shape: readonly number[];
  /** Whether rows are filled up to whole blocks. */
  readonly padded: boolean;
}

/**
 * rows × columns codes in bytes, the first in the low bits, one scale for every block of columns; zero points are
 * packed as the codes are, each row to whole bytes, or floats; 2^(bits − 1) where there are none.
 *
 * Source: onnxruntime docs/ContribOperators.md, matmul_nbits_helper.h, gather_block_quantized.cc.
 */
export function blockWeight(parts: BlockParts, locate: Locate): QuantizedWeight | Unbuilt {
  const { method, codes, scales, zeros, listed, rows, columns, bits, block, shape, padded } = parts;
  const dtype = DTYPE_OF_BITS[bits];
  const whole = [rows, columns, block].every((size) => Number.isSafeInteger(size) && size > 0);
  if (!whole || dtype === undefined || !BITS.has(bits) || (block * bits) % 8 !== 0) return 'unfit';
  const blocks = Math.ceil(columns / block);
  const rowCodes = padded ? blocks * block : columns;
  if (codes.type.bits !== 8 || codes.elements !== (rows * rowCodes * bits) / 8) return 'unfit';
  if (scales.elements !== rows * blocks || scales.type.packed !== undefined) return 'unfit';
  if (codes.data.kind === 'numbers') return 'varints';
  const zero = zeros === undefined ? 2 ** (bits - 1) : zeroMatrix(zeros, rows, blocks, bits, locate);
  const scale = matrixOf(scales, rows, blocks, locate);
  const columnGroups = listed === undefined ? undefined : groupsOf(listed, columns, blocks * block, locate);
  if (zero === 'unfit' || columnGroups === 'unfit') return 'unfit';
  if (zero === 'varints' || columnGroups === 'varints') return 'varints';
  if (scale === null) return 'unfit';
  const columnGroup = columnGroups === undefined ? block : 'listed';
  const extent = locate(codes);
  const symmetry = zeros === undefined ? 'symmetric' : 'asymmetric';
  const order = listed === undefined ? '' : ', act-order';
  const group = (matrix: Matrix): Grouped => grouped(matrix, 1, columnGroup);
  return {
    dtype,
    shape,
    elements: rows * columns,
    extent,
    storage: {
      kind: 'packed',
      scheme: `${method}, ${bits} bit, blocks of ${block}, ${symmetry}${order}`,
      rows,
      columns,
      codes: { ...byteCodes(extent, rows, rowCodes, bits), columns },
      values: 'unsigned',
      zero: typeof zero === 'number' ? zero : group(zero),
      factors: [group(scale)],
      ...(columnGroups === undefined ? {} : { columnGroups }),
    },
    parts: [scales, zeros, listed].filter((part) => part !== undefined),
  };
}

function byteCodes(extent: Extent, rows: number, columns: number, bits: number): CodeMatrix {
  return codeMatrix(extent, rows, columns, { bits, wordBytes: 1, streams: 'rows', first: 'streams', packing: 'dense' });
}

function zeroMatrix(
  zeros: TensorRecord,
  rows: number,
  blocks: number,
  bits: number,
  locate: Locate,
): Matrix | 'unfit' | 'varints' {
  if (zeros.type.packed === undefined) {
    if (zeros.elements !== rows * blocks) return 'unfit';
    return matrixOf(zeros, rows, blocks, locate) ?? 'unfit';
  }
  if (zeros.type.bits !== 8 || zeros.elements !== rows * Math.ceil((blocks * bits) / 8)) return 'unfit';
  if (zeros.data.kind === 'numbers') {
    return bits === 8 ? { kind: 'inline', rows, columns: blocks, values: zeros.data.values } : 'varints';
  }
  const extent = locate(zeros);
  if (bits === 8) return plainMatrix(extent, 'U8', rows, blocks);
  const codes = byteCodes(extent, rows, blocks, bits);
  return { kind: 'packed', rows, columns: blocks, codes, values: 'unsigned', factors: [] };
}

/** int32, one a column; columns that only fill the last block may be listed too. */
function groupsOf(listed: TensorRecord, columns: number, padded: number, locate: Locate): Extent | 'unfit' | 'varints' {
  if (listed.type.dtype !== 'I32' || (listed.elements !== columns && listed.elements !== padded)) return 'unfit';
  if (listed.data.kind === 'numbers') return 'varints';
  const { file, offset } = locate(listed);
  return { file, offset, bytes: columns * 4 };
}
