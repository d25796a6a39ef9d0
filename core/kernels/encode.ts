// float32 rows → the bytes of a GGUF type: picks the kernel by type.

import { QuantscopeError } from '../base/errors.ts';
import { type DType, dtypeInfo } from '../tensor/dtype.ts';
import type { KernelExports } from './exports.ts';
import type { EncodeKernel } from './legacyQuantExports.ts';
import type { Kernels } from './wasm.ts';

/** One line per type. */
const ENCODERS = {
  F32: (run) => run.encodeF32,
  F16: (run) => run.encodeF16,
  BF16: (run) => run.encodeBF16,
  Q8_0: (run) => run.quantizeQ8_0,
  Q4_0: (run) => run.quantizeQ4_0,
  Q4_1: (run) => run.quantizeQ4_1,
  Q5_0: (run) => run.quantizeQ5_0,
  Q5_1: (run) => run.quantizeQ5_1,
  IQ4_NL: (run) => run.quantizeIQ4_NL,
  IQ4_XS: (run) => run.quantizeIQ4_XS,
  Q2_K: (run) => run.quantizeQ2_K,
  Q3_K: (run) => run.quantizeQ3_K,
  Q4_K: (run) => run.quantizeQ4_K,
  Q5_K: (run) => run.quantizeQ5_K,
  Q6_K: (run) => run.quantizeQ6_K,
} as const satisfies Partial<Record<DType, (run: KernelExports) => EncodeKernel>>;

/** The dtypes that can be written: every GGUF target. */
export type EncodableType = keyof typeof ENCODERS;

/**
 * Quantizes as llama-quantize does: the same bytes as ggml_quantize_chunk on x86-64 without FMA contraction.
 *
 * @param src     pointer to rows × columns float32, row-major, finite
 * @param dst     pointer to `storedBytes(type, rows · columns)` bytes
 * @param weights pointer to `columns` float32 importance weights (an imatrix row), or 0 for none;
 *                F32, F16, BF16 and Q8_0 have nothing to weight and ignore it, as ggml does
 * @throws SHAPE_INVALID when rows are not whole blocks
 */
export function encodeFromF32(
  kernels: Kernels,
  type: EncodableType,
  src: number,
  dst: number,
  rows: number,
  columns: number,
  weights: number,
): void {
  const { blockElements } = dtypeInfo(type);
  if (columns % blockElements !== 0)
    throw new QuantscopeError(
      'SHAPE_INVALID',
      `${type}: rows of ${columns} elements are not whole blocks of ${blockElements}`,
    );
  ENCODERS[type](kernels.run)(src, dst, rows, columns, weights);
}
