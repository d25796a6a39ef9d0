// Types of tensors a plan does not decide: llama.cpp's convention for what is not quantized.

import type { TensorInfo } from '../../checkpoint/checkpoint.ts';
import { isQuantizable } from '../../quant/ggufTypes.ts';
import { type DType, dtypeInfo } from '../../tensor/dtype.ts';

/** Vectors, norms, biases and routers become F32, packed ones too; integers stay; null where the plan chooses. */
export function fixedType(tensor: TensorInfo): DType | null {
  if (isQuantizable(tensor)) return null;
  const { kind, ggml } = dtypeInfo(tensor.dtype);
  if (kind === 'float' || kind === 'packed') return 'F32';
  return ggml === undefined ? 'I8' : tensor.dtype;
}

/**
 * A matrix the plan may choose but does not name keeps its precision where GGUF has the type. Packed codes times a scale
 * become F16, which rounds them least among the types of two bytes.
 */
export function keptType({ dtype }: Pick<TensorInfo, 'dtype'>): DType {
  const { kind, ggml } = dtypeInfo(dtype);
  if (kind === 'packed') return 'F16';
  if (dtype === 'F64') return 'F32'; // llama.cpp's graphs do not multiply F64
  return kind === 'float' && ggml === undefined ? 'BF16' : dtype;
}
