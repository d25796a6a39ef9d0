// MLX (mlx.core.quantize), for a layer of K inputs and N outputs, stacks of experts before them:
//
//   weight  U32 [N, K·b/32]   codes of 1, 2, 3, 4, 5, 6 or 8 bits, least significant first, across word borders
//   affine  scales, biases [N, K/g]   w = scale · q + bias
//   mxfp4   scales U8 [N, K/32]       E2M1 codes, E8M0 scales
//   nvfp4   scales U8 [N, K/16]       E2M1 codes, E4M3 scales
//   mxfp8   scales U8 [N, K/32]       E4M3 codes, E8M0 scales
//
// config.json has "quantization": { group_size, bits, mode, and entries for modules that differ }.

import type { DType } from '../../tensor/dtype.ts';
import { codeMatrix, grouped, plainMatrix } from '../../tensor/packing.ts';
import type { CodeValues, Grouped } from '../../tensor/storage.ts';
import type { StoredTensor } from '../format.ts';
import {
  type Candidate,
  extentOf,
  FLOATS,
  integerDtype,
  invalid,
  type Packing,
  type PackingContext,
  packedGroup,
  requireDtype,
  requireShape,
  shapeText,
} from './packing.ts';
import { integerAt, recordAt } from './quantizationConfig.ts';
import { logicalMatrix } from './scales.ts';

interface Mode {
  readonly bits: number;
  readonly groupSize: number;
  readonly dtype: DType;
  readonly values: CodeValues;
  /** What the bytes of the scales are; null for floats of their own dtype. */
  readonly scales: DType | null;
  readonly text: string;
}

/** Modes without biases; bits × group size differ, so that shapes tell them apart. */
const FLOAT_MODES: readonly Mode[] = [
  { bits: 4, groupSize: 32, dtype: 'MXFP4', values: 'E2M1', scales: 'F8_E8M0', text: 'MXFP4' },
  { bits: 4, groupSize: 16, dtype: 'NVFP4', values: 'E2M1', scales: 'F8_E4M3', text: 'NVFP4' },
  { bits: 8, groupSize: 32, dtype: 'FP8', values: 'F8_E4M3', scales: 'F8_E8M0', text: 'MXFP8' },
];
/** MLX's own default, 64, first. */
const GROUP_SIZES = [64, 32, 128];
const BITS: readonly number[] = [4, 8, 6, 5, 3, 2, 1];

export const mlx: Packing = {
  claims: (attribute, dtype) => attribute === 'weight' && dtype === 'U32',
  read(candidate, context) {
    const { codes, module } = candidate;
    const [scales, biases] = ['scales', 'biases'].map((name) => context.part(module, name));
    if (scales === undefined) return null;
    const mode = modeOf(candidate, scales, biases, context);
    const columns = ((codes.shape.at(-1) ?? 0) * 32) / mode.bits;
    const shape = [...codes.shape.slice(0, -1), columns];
    const matrix = logicalMatrix(shape);
    const rows = matrix.experts * matrix.rows;
    const groups = columns / mode.groupSize;
    const ofGroup = (part: StoredTensor): Grouped => {
      requireDtype(context, part, mode.scales === null ? FLOATS : ['U8']);
      requireShape(context, part, [...shape.slice(0, -1), groups], `for ${columns} columns`);
      return grouped(plainMatrix(extentOf(part), mode.scales ?? part.dtype, rows, groups), 1, mode.groupSize);
    };
    return packedGroup(context, [codes, scales, ...(biases === undefined ? [] : [biases])], {
      name: codes.name,
      dtype: mode.dtype,
      shape,
      scheme: `MLX, ${mode.text}, groups of ${mode.groupSize}`,
      codes: codeMatrix(extentOf(codes), rows, columns, {
        bits: mode.bits,
        wordBytes: 4,
        streams: 'rows',
        first: 'streams',
        packing: 'dense',
      }),
      values: mode.values,
      factors: [ofGroup(scales)],
      ...(biases === undefined ? {} : { bias: ofGroup(biases) }),
    });
  },
};

/** @throws PACKING_INVALID when no width and group size explain the shapes */
function modeOf(
  { codes, module }: Candidate,
  scales: StoredTensor,
  biases: StoredTensor | undefined,
  context: PackingContext,
): Mode {
  const words = codes.shape.at(-1) ?? 0;
  const groups = scales.shape.at(-1) ?? 0;
  const fits = ({ bits, groupSize }: Pick<Mode, 'bits' | 'groupSize'>): boolean =>
    words > 0 && words * 32 === bits * groupSize * groups;
  const affine = [
    ...claimedSizes(context, module),
    ...GROUP_SIZES.flatMap((groupSize) => BITS.map((bits) => ({ bits, groupSize }))),
  ].map(({ bits, groupSize }): Mode => {
    const dtype = integerDtype(bits) ?? 'INT8';
    return { bits, groupSize, dtype, values: 'unsigned', scales: null, text: `${bits} bit` };
  });
  const found = (biases === undefined ? FLOAT_MODES : affine).find(fits);
  if (found !== undefined) return found;
  return invalid(context, codes, `has the shape ${shapeText(codes)}, its scales ${shapeText(scales)}: no width fits`);
}

/** Of the module itself, then of all. */
function claimedSizes({ config: { entries } }: PackingContext, module: string): { bits: number; groupSize: number }[] {
  return [recordAt(entries, module), entries].flatMap((place) => {
    const [bits, groupSize] = [integerAt(place, 'bits'), integerAt(place, 'group_size')];
    if (bits === null || groupSize === null || !BITS.includes(bits) || groupSize < 1) return [];
    return [{ bits, groupSize }];
  });
}
