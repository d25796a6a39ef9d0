// HQQ as its safetensors state dict has it (hqq/core/quantize.py, bitpack.py). The weight, flattened, is seen as a
// matrix of groups: [N·K/g, g] with a scale for every row (axis 1), or [g, N·K/g] with one for every column (axis 0).
//
//   W_q          U8, 3 bit I32, or either viewed as floats   [words, columns]; word i holds rows i, i + words, …,
//                                                            the first of them in its highest bits
//   scale, zero  [rows, 1] or [1, columns]                   w = (q − zero) · scale
//   shape        I64 [2]; packing: "4bit_u8" as U8; axis I32; and a dozen more that say nothing new

import { codeMatrix, grouped, plainMatrix } from '../../tensor/packing.ts';
import type { Grouped } from '../../tensor/storage.ts';
import type { StoredTensor } from '../format.ts';
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

/** Bits and word of every packing; 5 and 6 bits are stored as 8, 1.58 as 2. */
const PACKING_NAMES: ReadonlyMap<string, { readonly bits: number; readonly wordBytes: 1 | 4 }> = new Map([
  ['8bit_u8', { bits: 8, wordBytes: 1 }],
  ['4bit_u8', { bits: 4, wordBytes: 1 }],
  ['3bit_32', { bits: 3, wordBytes: 4 }],
  ['2bit_u8', { bits: 2, wordBytes: 1 }],
  ['1bit_u8', { bits: 1, wordBytes: 1 }],
]);
const OTHER_PARTS = [
  ...['nbits', 'group_size', 'unpack_view_dtype', 'view_as_float', 'quant_scale', 'quant_zero', 'compute_dtype'],
  ...['offload_meta', 'encoded_state_dict', 'stores_quant_config', 'channel_wise', 'optimize', 'round_zero'],
];
const READ_PARTS = ['shape', 'packing', 'axis'];

export const hqq: Packing = {
  // Codes may be viewed as floats, so a layer is known by the name of its packing.
  claims: (attribute, dtype) => (attribute === 'packing' && dtype === 'U8') || attribute === 'W_q',
  smallParts: ({ module, attribute }, context) =>
    attribute === 'packing' ? presentParts(module, READ_PARTS, context) : [],
  read(candidate, context) {
    const { module } = candidate;
    const [codes, scale, zero] = ['W_q', 'scale', 'zero'].map((name) => context.part(module, name));
    if (candidate.attribute === 'W_q') {
      if (context.part(module, 'packing') !== undefined) return null;
      leaveAsStored('their HQQ packing is not stored as a tensor');
    }
    if (codes === undefined || scale === undefined || zero === undefined) return null;
    const { bits, wordBytes } = packingNamed(candidate, context);
    const shape = integersOf(context, module, 'shape');
    const elements = shape.reduce((product, size) => product * size, 1);
    if (shape.length !== 2 || !shape.every((size) => Number.isSafeInteger(size) && size > 0)) {
      invalid(context, codes, `has a shape of [${shape.join(', ')}], two positive sizes expected`);
    }
    const { rows, columns, group } = groupsOf(context, scale, shape, integersOf(context, module, 'axis')[0]);
    requireDtype(context, scale, FLOATS);
    requireDtype(context, zero, FLOATS);
    requireShape(context, zero, scale.shape, 'as the scales have');
    const words = Math.ceil(rows / Math.floor((wordBytes * 8) / bits));
    if (rows * columns !== elements || codes.bytes !== words * columns * wordBytes) {
      const fact = `${bits} bit codes of [${shape.join(', ')}] with scales ${shapeText(scale)}`;
      invalid(context, codes, `has ${codes.bytes} bytes, which are no ${fact}`);
    }
    const perWord = Math.floor((wordBytes * 8) / bits);
    const order = Array.from({ length: perWord }, (_, slot) => perWord - 1 - slot);
    const parts = presentParts(module, ['scale', 'zero', ...READ_PARTS, ...OTHER_PARTS], context);
    const ofGroup = (tensor: StoredTensor): Grouped => {
      const [height, width] = group === 'row' ? [rows, 1] : group === 'column' ? [1, columns] : [1, 1];
      const matrix = plainMatrix(extentOf(tensor), tensor.dtype, height, width);
      return grouped(matrix, height === 1 ? Infinity : 1, width === 1 ? Infinity : 1);
    };
    return packedGroup(context, [codes, ...parts], {
      name: partName(module, 'weight'),
      dtype: integerDtype(bits) ?? 'INT8',
      shape,
      scheme: `HQQ, ${bits} bit, ${group === 'all' ? 'per tensor' : `groups of ${group === 'row' ? columns : rows}`}`,
      codes: codeMatrix(extentOf(codes), rows, columns, {
        bits,
        wordBytes,
        streams: 'columns',
        first: 'words',
        packing: 'spread',
        order,
      }),
      values: 'unsigned',
      zero: ofGroup(zero),
      factors: [ofGroup(scale)],
    });
  },
};

function packingNamed({ codes }: Candidate, context: PackingContext): { bits: number; wordBytes: 1 | 4 } {
  const name = String.fromCharCode(...(context.contents(codes) ?? []).slice(0, 16));
  return PACKING_NAMES.get(name) ?? leaveAsStored('their HQQ packing is not known');
}

/** The matrix of groups, and which of its elements share a scale. */
function groupsOf(
  context: PackingContext,
  scale: StoredTensor,
  [outputs = 0, inputs = 0]: readonly number[],
  axis: number | undefined,
): { rows: number; columns: number; group: 'row' | 'column' | 'all' } {
  const [rows = 0, columns = 0] = scale.shape;
  if (scale.elements === 1) return { rows: outputs, columns: inputs, group: 'all' };
  if (scale.shape.length === 2 && axis === 1 && columns === 1) {
    return { rows, columns: (outputs * inputs) / rows, group: 'row' };
  }
  if (scale.shape.length === 2 && axis === 0 && rows === 1) {
    return { rows: (outputs * inputs) / columns, columns, group: 'column' };
  }
  return invalid(context, scale, `has the shape ${shapeText(scale)}, which is not for groups along axis ${axis}`);
}

function integersOf(context: PackingContext, module: string, attribute: string): number[] {
  const tensor = context.part(module, attribute);
  const bytes = tensor === undefined ? undefined : context.contents(tensor);
  if (tensor === undefined || bytes === undefined) leaveAsStored(`their ${attribute} is not stored as a tensor`);
  requireDtype(context, tensor, ['I64', 'I32']);
  if (tensor.elements > 2) invalid(context, tensor, `has the shape ${shapeText(tensor)}, at most two numbers expected`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: tensor.elements }, (_, at) =>
    tensor.dtype === 'I64' ? Number(view.getBigInt64(at * 8, true)) : view.getInt32(at * 4, true),
  );
}
