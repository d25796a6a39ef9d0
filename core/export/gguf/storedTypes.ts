// Types of tensors a plan does not decide: llama.cpp's convention for what is not quantized.

import type { TensorInfo } from '../../checkpoint/checkpoint.ts';
import { isQuantizable } from '../../quant/ggufTypes.ts';
import { type DType, dtypeInfo } from '../../tensor/dtype.ts';

/** Vectors, norms, biases and routers become F32, packed ones too; integers stay; null where the plan chooses. */
export function fixedType(tensor: TensorInfo): DType | null {
  if (isQuantizable(tensor)) return null;
  const { kind, ggml } = dtypeInfo(tensor.dtype);
  if (kind === 'float' || isPacked(tensor)) return 'F32';
  return ggml === undefined ? 'I8' : tensor.dtype;
}

/**
 * A matrix the plan may choose but does not name keeps its precision where GGUF has the type. Packed codes times a scale
 * become F16, which rounds them least among the types of two bytes.
 */
export function keptType(tensor: Pick<TensorInfo, 'dtype' | 'storage'>): DType {
  const { dtype } = tensor;
  const { kind, ggml } = dtypeInfo(dtype);
  if (isPacked(tensor)) return 'F16';
  if (dtype === 'F64') return 'F32'; // llama.cpp's graphs do not multiply F64
  return kind === 'float' && ggml === undefined ? 'BF16' : dtype;
}

/** MXFP4 and NVFP4 are blocks in GGUF, and codes beside their scales everywhere else. */
function isPacked({ dtype, storage }: Pick<TensorInfo, 'dtype' | 'storage'>): boolean {
  return dtypeInfo(dtype).kind === 'packed' || storage?.kind === 'packed';
}
