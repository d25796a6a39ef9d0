// compressed-tensors' integer formats, for a layer of K inputs and N outputs (compressors/pack_quantized, naive_quantized):
//
//   pack-quantized   weight_packed      I32 [N, words]   q + 2^(b−1), 1 to 8 bits, along K
//                    weight_shape       I64 [2]          N, K
//                    weight_scale       [N, G], [N, 1], [1]
//                    weight_zero_point  I32 [words, G]   z + 2^(b−1), packed along N; none when symmetric
//                    weight_g_idx       I32 [K]          group of every input, act-order only; −1 is unset
//   int-quantized    weight             I8 [N, K], with weight_scale and weight_zero_point I8 of the same shape
//
//   w = scale · (q − z). Since 2026 codes of 3, 5, 6 and 7 bits are dense across words; before, a word held ⌊32/b⌋ of
//   them. 1, 2, 4 and 8 bits are the same either way.

import { codeMatrix, grouped, streamWords } from '../../tensor/packing.ts';
import type { PackedMatrix } from '../../tensor/storage.ts';
import type { StoredTensor } from '../format.ts';
import { isReordered } from './groups.ts';
import {
  type Candidate,
  extentOf,
  FLOATS,
  integerDtype,
  invalid,
  leaveAsStored,
  type Packing,
  type PackingContext,
  packedGroup,
  partName,
  presentParts,
  requireDtype,
  requireShape,
  shapeText,
} from './packing.ts';
import { integerAt } from './quantizationConfig.ts';
import { type LogicalMatrix, logicalMatrix, type ScaleGrid, scaleFactor, scaleGrid } from './scales.ts';

/** What belongs to a layer and says nothing about its weight. */
const ACTIVATION_PARTS = ['input_scale', 'input_zero_point', 'input_global_scale', 'output_scale', 'output_zero_point'];
const BITS: readonly number[] = [1, 2, 3, 4, 5, 6, 7, 8];

export const packQuantized: Packing = {
  claims: (attribute, dtype) => attribute === 'weight_packed' && dtype === 'I32',
  smallParts: ({ module }, context) => presentParts(module, ['weight_shape', 'weight_g_idx'], context),
  read(candidate, context) {
    const { codes, module } = candidate;
    if (context.part(module, 'meta') !== undefined) leaveAsStored('2:4 sparse codes cannot be read');
    const scales = context.part(module, 'weight_scale');
    if (scales === undefined) return null;
    requireDtype(context, scales, FLOATS);
    const shape = originalShape(candidate, context);
    const matrix = logicalMatrix(shape);
    const words = codes.shape.at(-1) ?? 0;
    const { bits, packing } = packingOf(context, codes, matrix, words);
    requireShape(context, codes, [...shape.slice(0, -1), words], `for a weight of [${shape.join(', ')}]`);
    const grid = scaleGrid(context, scales, matrix);
    const zeros = context.part(module, 'weight_zero_point');
    const list = context.part(module, 'weight_g_idx');
    const reordered = list !== undefined && isListed(context, list, matrix, grid);
    const columnGroup = reordered ? 'listed' : grid.columnGroup;
    const rows = matrix.experts * matrix.rows;
    const layout = { bits, wordBytes: 4, packing } as const;
    const extent = extentOf(codes);
    return packedGroup(context, partsOf(context, candidate, PACKED_PARTS), {
      name: partName(module, 'weight'),
      dtype: integerDtype(bits) ?? 'INT8',
      shape,
      scheme: `compressed-tensors, ${bits} bit, ${grid.text}${reordered ? ', act-order' : ''}`,
      codes: codeMatrix(extent, rows, matrix.columns, { ...layout, streams: 'rows', first: 'streams' }),
      values: 'unsigned',
      zero:
        zeros === undefined
          ? 2 ** (bits - 1)
          : grouped(zeroPoints(context, zeros, matrix, grid, layout), grid.rowGroup, columnGroup),
      factors: [{ ...scaleFactor(scales, grid), columnGroup }],
      ...(reordered ? { columnGroups: extentOf(list) } : {}),
    });
  },
};

export const intQuantized: Packing = {
  claims: (attribute, dtype) => attribute === 'weight' && dtype === 'I8',
  read(candidate, context) {
    const { codes, module } = candidate;
    const scales = context.part(module, 'weight_scale');
    if (scales === undefined || scales.dtype === 'F8_E8M0') return null;
    requireDtype(context, scales, FLOATS);
    const matrix = logicalMatrix(codes.shape);
    const grid = scaleGrid(context, scales, matrix);
    const zeros = context.part(module, 'weight_zero_point');
    if (zeros !== undefined) {
      requireDtype(context, zeros, ['I8']);
      requireShape(context, zeros, scales.shape, `as ${shapeText(scales)} of the scales`);
    }
    return packedGroup(context, partsOf(context, candidate, INT_PARTS), {
      name: codes.name,
      dtype: 'INT8',
      shape: codes.shape,
      scheme: `compressed-tensors, 8 bit, ${grid.text}`,
      codes: codeMatrix(extentOf(codes), matrix.experts * matrix.rows, matrix.columns, {
        bits: 8,
        wordBytes: 1,
        streams: 'rows',
        first: 'streams',
        packing: 'dense',
      }),
      values: 'signed',
      ...(zeros === undefined ? {} : { zero: scaleFactor(zeros, grid) }),
      factors: [scaleFactor(scales, grid)],
    });
  },
};

/** Retired formats that leave zeros out, sparse-bitmask and sparse-24-bitmask: non-zero values beside a mask. */
export const sparseBitmask: Packing = {
  claims: (attribute) => attribute === 'bitmask',
  read({ module }, { part }) {
    return part(module, 'compressed') === undefined ? null : leaveAsStored('sparse weights cannot be read');
  },
};

const PACKED_PARTS = ['weight_scale', 'weight_shape', 'weight_zero_point', 'weight_g_idx', ...ACTIVATION_PARTS];
const INT_PARTS = ['weight_scale', 'weight_zero_point', ...ACTIVATION_PARTS];

function partsOf(
  context: PackingContext,
  { codes, module }: Candidate,
  attributes: readonly string[],
): readonly [StoredTensor, ...StoredTensor[]] {
  return [codes, ...presentParts(module, attributes, context)];
}

/** weight_shape, or without it what the codes of a power-of-two width hold. */
function originalShape({ codes, module }: Candidate, context: PackingContext): readonly number[] {
  const stored = context.part(module, 'weight_shape');
  const bytes = stored === undefined ? undefined : context.contents(stored);
  if (stored === undefined || bytes === undefined) leaveAsStored('their original shape is not stored beside them');
  if ((stored.dtype !== 'I64' && stored.dtype !== 'I32') || stored.elements !== codes.shape.length) {
    invalid(context, stored, `is ${stored.dtype} ${shapeText(stored)}, ${codes.shape.length} integers expected`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape = Array.from({ length: stored.elements }, (_, axis) =>
    stored.dtype === 'I64' ? Number(view.getBigInt64(axis * 8, true)) : view.getInt32(axis * 4, true),
  );
  if (shape.some((size) => !Number.isSafeInteger(size) || size < 1)) {
    invalid(context, stored, `holds [${shape.join(', ')}], positive sizes expected`);
  }
  return shape;
}

/** Bits and packing that explain the number of words; the configuration decides between several, dense ones first. */
function packingOf(
  context: PackingContext,
  codes: StoredTensor,
  { columns }: LogicalMatrix,
  words: number,
): { bits: number; packing: 'dense' | 'slots' } {
  const claimed = context.config.schemes.map((scheme) => integerAt(scheme, 'num_bits'));
  const candidates = (['dense', 'slots'] as const).flatMap((packing) =>
    BITS.filter((bits) => streamWords(columns, bits, 4, packing) === words).map((bits) => ({ bits, packing })),
  );
  const found = candidates.find(({ bits }) => claimed.includes(bits)) ?? candidates[0];
  if (found !== undefined) return found;
  return invalid(context, codes, `has the shape ${shapeText(codes)}, no width packs ${columns} columns so`);
}

function zeroPoints(
  context: PackingContext,
  zeros: StoredTensor,
  { experts, rows }: LogicalMatrix,
  grid: ScaleGrid,
  layout: { readonly bits: number; readonly wordBytes: 4; readonly packing: 'dense' | 'slots' },
): PackedMatrix {
  requireDtype(context, zeros, ['I32']);
  const words = streamWords(rows, layout.bits, 4, layout.packing);
  const stack = experts === 1 ? [] : [experts];
  requireShape(context, zeros, [...stack, words, grid.columns], `for ${layout.bits} bits`);
  if (grid.rowGroup !== 1) leaveAsStored('packed zero points are read per channel or per group only');
  if (experts > 1 && streamWords(experts * rows, layout.bits, 4, layout.packing) !== experts * words) {
    leaveAsStored('zero points of their experts do not fill whole words');
  }
  const codes = codeMatrix(extentOf(zeros), experts * rows, grid.columns, {
    ...layout,
    streams: 'columns',
    first: 'words',
  });
  return { kind: 'packed', rows: experts * rows, columns: grid.columns, codes, values: 'unsigned', factors: [] };
}

function isListed(context: PackingContext, list: StoredTensor, { columns }: LogicalMatrix, grid: ScaleGrid): boolean {
  requireDtype(context, list, ['I32']);
  requireShape(context, list, [columns], `for ${columns} columns`);
  return isReordered(context, list, grid.columns, grid.columnGroup);
}
