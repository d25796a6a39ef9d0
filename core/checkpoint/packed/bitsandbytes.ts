// bitsandbytes weights (functional.py: QuantState; nn/modules.py: Linear8bitLt), w of n = N·K elements:
//
//   4 bit   weight                                U8 [n/2, 1]   two codes to a byte, high nibble first, w flattened
//           weight.absmax                         F32 [n/block] w = quant_map[code] · absmax[⌊i / block⌋]
//           weight.quant_map                      F32 [16]
//           weight.quant_state.bitsandbytes__nf4  U8            JSON: quant_type, blocksize, shape, …
//   nested  weight.absmax                         U8            absmax = nested_quant_map[q] · nested_absmax[⌊j / 256⌋]
//           weight.nested_absmax, .nested_quant_map                      + nested_offset of the JSON
//   8 bit   weight I8 [N, K], SCB F32 [N]                       w = q · SCB / 127
//
// 4-bit codes may be stored under another dtype ("quant_storage"), so their JSON is what they are known by.

import { codeMatrix, grouped, plainMatrix } from '../../tensor/packing.ts';
import type { CodeValues, Matrix } from '../../tensor/storage.ts';
import type { StoredTensor } from '../format.ts';
import { isQuantType, parseQuantState, type QuantState } from './bitsandbytesState.ts';
import {
  extentOf,
  invalid,
  leaveAsStored,
  type Packing,
  type PackingContext,
  packedGroup,
  presentParts,
  requireDtype,
  requireShape,
  shapeText,
} from './packing.ts';

const STATE = /\.quant_state$/;
const LAYOUT = { streams: 'rows', first: 'streams', packing: 'slots', wordBytes: 1 } as const;

export const bitsandbytes4: Packing = {
  claims: (attribute, dtype) => dtype === 'U8' && isQuantType(attribute),
  smallParts: ({ codes }) => [codes],
  read({ codes: json, module, attribute }, context) {
    const name = module.replace(STATE, '');
    const codes = name === module ? undefined : context.find(name);
    if (codes === undefined || !isQuantType(attribute)) return null;
    const part = (suffix: string): StoredTensor =>
      context.part(name, suffix) ?? leaveAsStored(`their ${suffix} is missing`);
    const state = parseQuantState(context, json, attribute);
    const elements = state.shape.reduce((product, size) => product * size, 1);
    if (codes.bytes !== Math.ceil(elements / 2)) {
      invalid(
        context,
        codes,
        `has ${codes.bytes} bytes, a weight of [${state.shape.join(', ')}] has ${elements} codes`,
      );
    }
    const blocks = Math.ceil(elements / state.blocksize);
    const absmax = part('absmax');
    requireShape(context, absmax, absmax.shape.length === 2 ? [blocks, 1] : [blocks], `for ${elements} elements`);
    // Blocks run on across the rows of the weight: a row for each block, or one row when the last block is not full.
    const rows = elements % state.blocksize === 0 ? blocks : 1;
    const nested = ['nested_absmax', 'nested_quant_map'].map((suffix) => context.part(name, suffix));
    const parts = [codes, absmax, part('quant_map'), json, ...nested.filter((found) => found !== undefined)] as const;
    return packedGroup(context, parts, {
      name,
      dtype: attribute === 'bitsandbytes__nf4' ? 'NF4' : 'FP4',
      shape: state.shape,
      scheme: schemeText(attribute, state),
      codes: codeMatrix(extentOf(codes), rows, elements / rows, { ...LAYOUT, bits: 4, order: [1, 0] }),
      values: table(context, part('quant_map'), 16),
      factors: [grouped(absmaxMatrix(context, absmax, blocks, rows, state, part), 1, state.blocksize)],
    });
  },
};

export const bitsandbytes8: Packing = {
  claims: (attribute, dtype) => attribute === 'weight' && dtype === 'I8',
  smallParts: ({ module }, context) => presentParts(module, ['weight_format'], context),
  read({ codes, module }, context) {
    const scales = context.part(module, 'SCB');
    if (scales === undefined) return null;
    const [format] = presentParts(module, ['weight_format'], context);
    if (format !== undefined && context.contents(format)?.some((byte) => byte !== 0)) {
      leaveAsStored('only int8 weights in rows can be read');
    }
    const [rows = 0, columns = 0] = codes.shape;
    if (codes.shape.length !== 2) invalid(context, codes, `has the shape ${shapeText(codes)}, two dimensions expected`);
    requireDtype(context, scales, ['F32', 'F16', 'BF16']);
    requireShape(context, scales, scales.shape.length === 2 ? [rows, 1] : [rows], `for ${rows} rows`);
    return packedGroup(context, [codes, scales, ...(format === undefined ? [] : [format])], {
      name: codes.name,
      dtype: 'INT8',
      shape: codes.shape,
      scheme: 'bitsandbytes, 8 bit, per channel',
      codes: codeMatrix(extentOf(codes), rows, columns, { ...LAYOUT, bits: 8 }),
      values: 'signed',
      constant: 1 / 127,
      factors: [grouped(plainMatrix(extentOf(scales), scales.dtype, rows, 1), 1, Number.POSITIVE_INFINITY)],
    });
  },
};

function schemeText(attribute: string, { blocksize, nested }: QuantState): string {
  const type = attribute === 'bitsandbytes__nf4' ? 'NF4' : 'FP4';
  return `bitsandbytes ${type}, blocks of ${blocksize}${nested === null ? '' : ', double quantized'}`;
}

function table(context: PackingContext, map: StoredTensor, entries: number): CodeValues {
  requireDtype(context, map, ['F32']);
  requireShape(context, map, [entries], `for ${entries} codes`);
  return { table: extentOf(map) };
}

/** A number for every block, down the rows or along the only one; codes of 8 bits when they are quantized too. */
function absmaxMatrix(
  context: PackingContext,
  absmax: StoredTensor,
  blocks: number,
  rows: number,
  { nested }: QuantState,
  part: (suffix: string) => StoredTensor,
): Matrix {
  const columns = blocks / rows;
  if (nested === null) {
    requireDtype(context, absmax, ['F32']);
    return plainMatrix(extentOf(absmax), 'F32', rows, columns);
  }
  requireDtype(context, absmax, ['U8']);
  const outer = part('nested_absmax');
  const outerBlocks = Math.ceil(blocks / nested.blocksize);
  requireDtype(context, outer, ['F32']);
  requireShape(context, outer, [outerBlocks], `for ${blocks} blocks`);
  const [outerRows, rowGroup, columnGroup] = rows === 1 ? [1, 1, nested.blocksize] : [outerBlocks, nested.blocksize, 1];
  const outerMatrix = plainMatrix(extentOf(outer), 'F32', outerRows, outerBlocks / outerRows);
  return {
    kind: 'packed',
    rows,
    columns,
    codes: codeMatrix(extentOf(absmax), rows, columns, { ...LAYOUT, bits: 8 }),
    values: table(context, part('nested_quant_map'), 256),
    factors: [grouped(outerMatrix, rowGroup, columnGroup)],
    bias: nested.offset,
  };
}
