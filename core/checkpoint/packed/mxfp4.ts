// MXFP4: E2M1 codes, two to a byte, low nibble first; one E8M0 exponent (2^(e − 127)) for 32 inputs (OCP MX v1.0).
//
//   gpt-oss             NAME_blocks U8 [E, N, K/32, 16]   NAME_scales U8 [E, N, K/32]      NAME.blocks, NAME.scales too
//   compressed-tensors  weight_packed U8 [N, K/2]         weight_scale U8 [N, K/32]
//   DeepSeek            weight I8 [N, K/2]                scale F8_E8M0 [N, K/32]
//
// gpt-oss's modules multiply by the transpose, [E, K, N]; the logical tensor keeps the order of the file.

import { codeMatrix } from '../../tensor/packing.ts';
import type { StoredTensor } from '../format.ts';
import { fp4Shape, nvfp4Scales } from './nvfp4.ts';
import {
  type Candidate,
  extentOf,
  type PackedGroup,
  type Packing,
  type PackingContext,
  packedGroup,
  partName,
  presentParts,
  requireDtype,
  requireShape,
} from './packing.ts';
import { logicalMatrix, scaleFactor, scaleGrid } from './scales.ts';

const GROUP = 32;
const BLOCKS = /[._]blocks$/;
const SCALES = ['weight_scale', 'weight_scale_inv', 'scale'];
const OTHER_PARTS = ['input_global_scale', 'input_scale'];

export const mxfp4: Packing = {
  claims: (attribute, dtype) =>
    ((dtype === 'U8' || dtype === 'F4' || dtype === 'I8') &&
      (attribute === 'weight_packed' || attribute === 'weight')) ||
    (dtype === 'U8' && (attribute === 'blocks' || attribute.endsWith('_blocks'))),
  read(candidate, context) {
    const { codes, module, attribute } = candidate;
    if (attribute !== 'weight_packed' && attribute !== 'weight') return readBlocks(candidate, context);
    const [scales] = presentParts(module, SCALES, context);
    if (scales === undefined || nvfp4Scales(scales) || codes.shape.length < 2) return null;
    // "weight" may be bytes for many reasons, and only exponents of their own dtype tell that it is this one.
    if (attribute === 'weight' && scales.dtype !== 'F8_E8M0') return null;
    const others = presentParts(module, OTHER_PARTS, context);
    return mxfp4Group(context, [codes, scales, ...others], scales, partName(module, 'weight'), fp4Shape(codes));
  },
};

function readBlocks({ codes, module, attribute }: Candidate, context: PackingContext): PackedGroup | null {
  const name = codes.name.replace(BLOCKS, '');
  const scales = context.part(module, attribute.replace(/blocks$/, 'scales'));
  if (scales === undefined || scales.dtype !== 'U8' || codes.shape.length < 3) return null;
  const [groups = 0] = codes.shape.slice(-2);
  const outer = codes.shape.slice(0, -2);
  requireShape(context, codes, [...outer, groups, GROUP / 2], 'with 16 bytes for 32 values');
  requireShape(context, scales, [...outer, groups], 'with one exponent for 32 values');
  return mxfp4Group(context, [codes, scales], scales, name, [...outer, groups * GROUP]);
}

function mxfp4Group(
  context: PackingContext,
  parts: readonly [StoredTensor, ...StoredTensor[]],
  scales: StoredTensor,
  name: string,
  shape: readonly number[],
): PackedGroup {
  requireDtype(context, scales, ['U8', 'F8_E8M0']);
  const matrix = logicalMatrix(shape);
  const grid = scaleGrid(context, scales, matrix);
  return packedGroup(context, parts, {
    name,
    dtype: 'MXFP4',
    shape,
    scheme: `MXFP4, ${grid.text}`,
    codes: codeMatrix(extentOf(parts[0]), matrix.experts * matrix.rows, matrix.columns, {
      bits: 4,
      wordBytes: 1,
      streams: 'rows',
      first: 'streams',
      packing: 'dense',
    }),
    values: 'E2M1',
    factors: [scaleFactor(scales, grid, 'F8_E8M0')],
  });
}
