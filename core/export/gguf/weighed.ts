// Which tensors of a file an importance matrix has a say in.

import type { Checkpoint } from '../../checkpoint/checkpoint.ts';
import { tensorSource } from '../../checkpoint/tensorSource.ts';
import { hasStoredBytes } from '../../decode/storedBytes.ts';
import type { Importance } from '../../quant/importance.ts';
import type { DType } from '../../tensor/dtype.ts';

/** Rounded to nearest: ggml's quantizers of these ignore weights. */
const UNWEIGHED: readonly DType[] = ['F32', 'F16', 'BF16', 'Q8_0'];

/** False where nothing was measured of the tensor, where it is only rounded, and where its bytes are copied. */
export function isWeighed(
  checkpoint: Checkpoint,
  importance: Importance | undefined,
  { index, dtype }: { readonly index: number; readonly dtype: DType },
  stored: DType,
): boolean {
  if (importance === undefined || UNWEIGHED.includes(stored) || importance.columns(index) === null) return false;
  return stored !== dtype || !hasStoredBytes(tensorSource(checkpoint, index));
}
