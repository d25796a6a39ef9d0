// GPTQ as AutoGPTQ and GPTQModel store it, for a layer of K inputs and N outputs (GPTQModel nn_modules/qlinear):
//
//   qweight  I32 [K·b/32, N]   codes down K, least significant first, across word borders
//   qzeros   I32 [G, N·b/32]   zero points along N; format v1 stores z − 1, v2 stores z
//   scales   F16 [G, N]        w = s[g] · (q − z)
//   g_idx    I32 [K]           group of every input; ⌊k / group size⌋ without act-order

import { codeMatrix, grouped, plainMatrix } from '../../tensor/packing.ts';
import type { PackedMatrix } from '../../tensor/storage.ts';
import type { StoredTensor } from '../format.ts';
import { packsByNibbleOrder } from './awq.ts';
import { groupSizeOf, groupText, isReordered } from './groups.ts';
import {
  type Candidate,
  extentOf,
  FLOATS,
  integerDtype,
  invalid,
  leaveAsStored,
  type PackedGroup,
  type Packing,
  type PackingContext,
  packedGroup,
  partName,
  requireDtype,
  requireShape,
  shapeText,
} from './packing.ts';
import { integerAt, type QuantizationConfig, textAt } from './quantizationConfig.ts';

/** 5, 6 and 7 bits exist only in the planar layout. */
const BITS: readonly number[] = [2, 3, 4, 8];
const WORDS = { wordBytes: 4, packing: 'dense' } as const;
const FORMATS: readonly string[] = ['gptq', 'gptq_v2'];
/** quant_method of others that write the same layout; they say so in `packing_format`. */
const SAME_LAYOUT = /(^|:)(auto_)?gptq$/;

export const gptq: Packing = {
  claims: (attribute) => attribute === 'qweight',
  smallParts({ module }, { part, config }) {
    const list = part(module, 'g_idx');
    return list === undefined || trustsOrder(config) ? [] : [list];
  },
  read(candidate, context) {
    const { codes, module } = candidate;
    const scales = context.part(module, 'scales');
    if (scales === undefined || packsByNibbleOrder(codes, scales, context)) return null;
    refuseUnknown(codes, context.config);
    return readLayer(candidate, scales, context);
  },
};

/** Without act-order g_idx tells nothing, and reading it would cost more than the header. */
function trustsOrder({ entries }: QuantizationConfig): boolean {
  return entries.desc_act === false && !Object.hasOwn(entries, 'dynamic');
}

function refuseUnknown({ dtype }: StoredTensor, { method, entries }: QuantizationConfig): void {
  if (dtype !== 'I32') leaveAsStored(`GPTQ codes in ${dtype} words cannot be read, only I32`);
  if (method !== null && method !== 'gptq' && !SAME_LAYOUT.test(textAt(entries, 'packing_format') ?? '')) {
    leaveAsStored('their quantization method is not known');
  }
  if (!FORMATS.includes(formatOf(entries))) leaveAsStored('their GPTQ format is not known');
}

function formatOf(entries: Readonly<Record<string, unknown>>): string {
  return (textAt(entries, 'checkpoint_format') ?? textAt(entries, 'format') ?? 'gptq').toLowerCase();
}

function readLayer({ codes, module }: Candidate, scales: StoredTensor, context: PackingContext): PackedGroup {
  const { part, config } = context;
  const [groups = 0, rows = 0] = scales.shape;
  const [words = 0, outputs] = codes.shape;
  if (scales.shape.length !== 2 || codes.shape.length !== 2 || outputs !== rows || words * rows === 0) {
    invalid(
      context,
      codes,
      `has the shape ${shapeText(codes)}, its scales ${shapeText(scales)}: not the same outputs, or none`,
    );
  }
  const zeros = part(module, 'qzeros');
  const list = part(module, 'g_idx');
  const bits = bitsOf(words, rows, zeros, list, config);
  if (bits === 5 || bits === 6 || bits === 7) leaveAsStored('GPTQ codes of 5 to 7 bits lie in planes');
  const dtype = bits === null ? null : integerDtype(bits);
  if (bits === null || dtype === null || !BITS.includes(bits) || (words * 32) % bits !== 0) {
    invalid(context, codes, `has the shape ${shapeText(codes)}, which no number of bits (${BITS.join(', ')}) explains`);
  }
  const columns = (words * 32) / bits;
  requireDtype(context, scales, FLOATS);
  const size = groupSizeOf(context, scales, groups, columns, config.groupSize);
  const reordered = list !== undefined && isListed(list, columns, groups, size, context);
  const columnGroup = reordered ? 'listed' : size;
  const version = formatOf(config.entries) === 'gptq' ? 1 : 2;
  const parts = [codes, ...[zeros, scales, list].filter((part) => part !== undefined)] as const;
  return packedGroup(context, parts, {
    name: partName(module, 'weight'),
    dtype,
    shape: [rows, columns],
    scheme: `GPTQ v${version}, ${bits} bit, ${groupText(size, columns)}${reordered ? ', act-order' : ''}`,
    codes: codeMatrix(extentOf(codes), rows, columns, { ...WORDS, bits, streams: 'rows', first: 'words' }),
    values: 'unsigned',
    ...(zeros === undefined
      ? { zero: 2 ** (bits - 1) }
      : {
          zero: grouped(zeroPoints(zeros, rows, groups, bits, context), 1, columnGroup),
          zeroOffset: version === 1 ? 1 : 0,
        }),
    factors: [grouped(plainMatrix(extentOf(scales), scales.dtype, rows, groups, true), 1, columnGroup)],
    ...(reordered ? { columnGroups: extentOf(list) } : {}),
  });
}

function zeroPoints(
  zeros: StoredTensor,
  rows: number,
  groups: number,
  bits: number,
  context: PackingContext,
): PackedMatrix {
  requireDtype(context, zeros, ['I32']);
  requireShape(context, zeros, [groups, (rows * bits) / 32], `for ${bits} bits`);
  const codes = codeMatrix(extentOf(zeros), rows, groups, { ...WORDS, bits, streams: 'columns', first: 'streams' });
  return { kind: 'packed', rows, columns: groups, codes, values: 'unsigned', factors: [] };
}

function isListed(list: StoredTensor, columns: number, groups: number, size: number, context: PackingContext): boolean {
  requireDtype(context, list, ['I32']);
  requireShape(context, list, [columns], `for ${columns} columns`);
  return !trustsOrder(context.config) && isReordered(context, list, groups, size);
}

/** Layers may differ ("dynamic" overrides), so shapes tell before the configuration does. */
function bitsOf(
  words: number,
  rows: number,
  zeros: StoredTensor | undefined,
  list: StoredTensor | undefined,
  { entries }: QuantizationConfig,
): number | null {
  if (zeros !== undefined && rows > 0) return ((zeros.shape[1] ?? 0) * 32) / rows;
  if (list !== undefined && list.elements > 0) return (words * 32) / list.elements;
  return integerAt(entries, 'bits');
}
