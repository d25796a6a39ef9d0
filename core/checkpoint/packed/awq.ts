// AWQ in AutoAWQ's GEMM layout, 4 bits, for a layer of K inputs and N outputs (awq/modules/linear/gemm.py):
//
//   qweight  I32 [K, N/8]   codes along N; nibble i of a word holds output 0 2 4 6 1 3 5 7 [i]
//   qzeros   I32 [G, N/8]   zero points, same order
//   scales   F16 [G, N]     w = s[g] · (q − z)

import { type CodeLayout, codeMatrix, grouped, plainMatrix } from '../../tensor/packing.ts';
import type { StoredTensor } from '../format.ts';
import { groupSizeOf, groupText } from './groups.ts';
import {
  type Candidate,
  extentOf,
  FLOATS,
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
import { integerAt, textAt } from './quantizationConfig.ts';

const CODES_PER_WORD = 8;
const LAYOUT: CodeLayout = {
  bits: 4,
  wordBytes: 4,
  streams: 'columns',
  first: 'streams',
  packing: 'slots',
  order: [0, 4, 1, 5, 2, 6, 3, 7],
};

/** AWQ and GPTQ name their parts alike: the configuration tells which it is, or else whose shapes fit. */
export function packsByNibbleOrder(
  codes: StoredTensor,
  scales: StoredTensor,
  { config }: Pick<PackingContext, 'config'>,
): boolean {
  if (config.method === 'awq') return true;
  if (config.method === 'gptq') return false;
  const outputs = scales.shape[1];
  return codes.shape[1] !== outputs && (codes.shape[1] ?? 0) * CODES_PER_WORD === outputs;
}

export const awq: Packing = {
  claims: (attribute) => attribute === 'qweight',
  read(candidate, context) {
    const { codes, module } = candidate;
    const scales = context.part(module, 'scales');
    if (scales === undefined || !packsByNibbleOrder(codes, scales, context)) return null;
    const { entries } = context.config;
    const version = (textAt(entries, 'version') ?? textAt(entries, 'format') ?? 'gemm').toLowerCase();
    const bits = integerAt(entries, 'bits') ?? integerAt(entries, 'w_bit') ?? 4;
    if (codes.dtype !== 'I32' || version !== 'gemm') leaveAsStored('only the GEMM layout of AWQ can be read');
    if (bits !== 4) leaveAsStored('only AWQ codes of 4 bits can be read');
    return readLayer(candidate, scales, context);
  },
};

function readLayer({ codes, module }: Candidate, scales: StoredTensor, context: PackingContext): PackedGroup {
  const zeros = context.part(module, 'qzeros');
  if (zeros === undefined) leaveAsStored('AWQ codes without zero points cannot be read');
  const [columns = 0, words = 0] = codes.shape;
  const rows = words * CODES_PER_WORD;
  const [groups = 0] = scales.shape;
  if (codes.shape.length !== 2) invalid(context, codes, `has the shape ${shapeText(codes)}, two dimensions expected`);
  if (rows * columns === 0) invalid(context, codes, `has the shape ${shapeText(codes)}: no codes`);
  requireDtype(context, scales, FLOATS);
  requireDtype(context, zeros, ['I32']);
  requireShape(context, scales, [groups, rows], `for codes ${shapeText(codes)}`);
  requireShape(context, zeros, [groups, words], `for codes ${shapeText(codes)}`);
  const size = groupSizeOf(context, scales, groups, columns, context.config.groupSize);
  const zero = {
    kind: 'packed',
    rows,
    columns: groups,
    codes: codeMatrix(extentOf(zeros), rows, groups, LAYOUT),
    values: 'unsigned',
    factors: [],
  } as const;
  return packedGroup(context, [codes, zeros, scales], {
    name: partName(module, 'weight'),
    dtype: 'INT4',
    shape: [rows, columns],
    scheme: `AWQ, 4 bit, ${groupText(size, columns)}`,
    codes: codeMatrix(extentOf(codes), rows, columns, LAYOUT),
    values: 'unsigned',
    zero: grouped(zero, 1, size),
    factors: [grouped(plainMatrix(extentOf(scales), scales.dtype, rows, groups, true), 1, size)],
  });
}
