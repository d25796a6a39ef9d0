// FP8 weights whose scales are tensors of their own. In every format found the scale multiplies, whatever it is called:
//
//   NAME_scale      compressed-tensors float-quantized, vLLM, ModelOpt, FBGEMM: per tensor, channel, group, block, expert
//   NAME_scale_inv  DeepSeek, and transformers' finegrained_fp8: one number for 128 × 128 weights
//   scale           beside "weight", in DeepSeek's own inference code and the models that follow it
//
//   w = q · scale. MXFP8 has scales of one E8M0 byte for 32 inputs, stored as U8.

import { codeMatrix } from '../../tensor/packing.ts';
import type { StoredTensor } from '../format.ts';
import { extentOf, FLOATS, type Packing, packedGroup, requireDtype } from './packing.ts';
import { logicalMatrix, scaleFactor, scaleGrid } from './scales.ts';

/** Scales of activations, which say nothing about the weight. */
const ACTIVATION_PARTS = ['input_scale', 'activation_scale', 'input_scale_ub', 'output_scale'];

export const fp8: Packing = {
  claims: (_, dtype) => dtype === 'F8_E4M3' || dtype === 'F8_E5M2',
  read({ codes, module, attribute }, context) {
    const { part } = context;
    const beside = attribute === 'weight' ? part(module, 'scale') : undefined;
    const scales = part(module, `${attribute}_scale_inv`) ?? part(module, `${attribute}_scale`) ?? beside;
    if (scales === undefined || (codes.dtype !== 'F8_E4M3' && codes.dtype !== 'F8_E5M2')) return null;
    requireDtype(context, scales, [...FLOATS, 'U8', 'F8_E8M0']);
    const matrix = logicalMatrix(codes.shape);
    const grid = scaleGrid(context, scales, matrix);
    const exponents = scales.dtype === 'U8' || scales.dtype === 'F8_E8M0';
    const others = attribute === 'weight' ? ACTIVATION_PARTS.map((name) => part(module, name)) : [];
    const parts: [StoredTensor, ...StoredTensor[]] = [codes, scales, ...others.filter((other) => other !== undefined)];
    const format = codes.dtype === 'F8_E4M3' ? 'E4M3' : 'E5M2';
    return packedGroup(context, parts, {
      name: codes.name,
      dtype: 'FP8',
      shape: codes.shape,
      scheme: `${exponents ? 'MXFP8' : 'FP8'} ${format}, ${grid.text}`,
      codes: codeMatrix(extentOf(codes), matrix.experts * matrix.rows, matrix.columns, {
        bits: 8,
        wordBytes: 1,
        streams: 'rows',
        first: 'streams',
        packing: 'dense',
      }),
      values: codes.dtype,
      factors: [scaleFactor(scales, grid, exponents ? 'F8_E8M0' : scales.dtype)],
    });
  },
};
