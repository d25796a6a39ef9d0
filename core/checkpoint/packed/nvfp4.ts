// NVFP4: E2M1 codes, two to a byte, low nibble first; an E4M3 scale for 16 inputs and one F32 scale for the tensor.
//
//   compressed-tensors  weight_packed U8 [N, K/2]   weight_scale [N, K/16]   weight_global_scale, which divides
//   ModelOpt            weight U8 [N, K/2]          weight_scale [N, K/16]   weight_scale_2, which multiplies

import { codeMatrix, grouped, plainMatrix } from '../../tensor/packing.ts';
import type { StoredTensor } from '../format.ts';
import {
  type Candidate,
  extentOf,
  invalid,
  leaveAsStored,
  type Packing,
  type PackingContext,
  packedGroup,
  partName,
  presentParts,
  requireDtype,
  shapeText,
} from './packing.ts';
import { logicalMatrix, scaleFactor, scaleGrid } from './scales.ts';

export const nvfp4: Packing = {
  claims: (attribute, dtype) =>
    (dtype === 'U8' || dtype === 'F4') && (attribute === 'weight_packed' || attribute === 'weight'),
  read({ codes, module, attribute }, context) {
    const scales = context.part(module, 'weight_scale');
    if (scales === undefined || !nvfp4Scales(scales) || codes.shape.length < 2) return null;
    const global = globalScale({ codes, module, attribute }, context);
    const shape = fp4Shape(codes);
    const matrix = logicalMatrix(shape);
    const grid = scaleGrid(context, scales, matrix);
    const { experts, rows, columns } = matrix;
    if (global.elements !== 1 && global.elements !== experts) {
      invalid(context, global, `has the shape ${shapeText(global)}, one number or ${experts} expected`);
    }
    const wide = plainMatrix(extentOf(global), global.dtype, global.elements, 1);
    const factor = grouped(wide, global.elements === 1 ? Infinity : rows, Infinity);
    const others = presentParts(module, ['input_scale', 'input_global_scale'], context);
    return packedGroup(context, [codes, scales, global, ...others], {
      name: partName(module, 'weight'),
      dtype: 'NVFP4',
      shape,
      scheme: `NVFP4, ${grid.text}`,
      codes: codeMatrix(extentOf(codes), experts * rows, columns, {
        bits: 4,
        wordBytes: 1,
        streams: 'rows',
        first: 'streams',
        packing: 'dense',
      }),
      values: 'E2M1',
      factors: [scaleFactor(scales, grid), attribute === 'weight' ? factor : { ...factor, divide: true }],
    });
  },
};

/** Bytes hold two codes each; tensors of FP4's own dtype count them one by one. */
export function fp4Shape({ shape, dtype }: StoredTensor): readonly number[] {
  return dtype === 'F4' ? shape : [...shape.slice(0, -1), (shape.at(-1) ?? 0) * 2];
}

/** MXFP4 has exponents in their place. */
export function nvfp4Scales({ dtype }: StoredTensor): boolean {
  return dtype === 'F8_E4M3';
}

function globalScale({ module, attribute }: Candidate, context: PackingContext): StoredTensor {
  const name = attribute === 'weight' ? 'weight_scale_2' : 'weight_global_scale';
  const global = context.part(module, name);
  if (global === undefined) leaveAsStored('their scale for the whole tensor is missing');
  requireDtype(context, global, ['F32']);
  return global;
}
