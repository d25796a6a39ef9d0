// The longer rows behind one tensor's figures: from the cache when the scan has passed it, else computed now.

import { QuantscopeError } from '../base/errors.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { tensorAt } from '../checkpoint/tensorSource.ts';
import { canDecode } from '../kernels/decode.ts';
import type { Pool } from '../kernels/pool.ts';
import { statisticsCache } from './cache.ts';
import { scanTensors } from './scan.ts';
import type { TensorProfile } from './statisticsTypes.ts';

/**
 * Row and column arrays hold at most 65,536 entries: longer ones keep the largest of each group of 2^k neighbours.
 * @throws CANCELLED, TENSOR_NOT_FOUND, DTYPE_UNKNOWN for complex tensors, FILE_TRUNCATED
 */
export async function tensorProfile(
  checkpoint: Checkpoint,
  pool: Pool,
  tensor: number,
  signal?: AbortSignal,
): Promise<TensorProfile> {
  const { dtype, name } = tensorAt(checkpoint, tensor);
  if (!canDecode(dtype))
    throw new QuantscopeError('DTYPE_UNKNOWN', `${name}: ${dtype} elements cannot be read as real numbers`);
  const cache = await statisticsCache(checkpoint);
  const known = await cache.profile(tensor);
  if (known !== null) return known;
  let profile: TensorProfile | undefined;
  await scanTensors(checkpoint, pool, {
    tensors: [tensor],
    signal,
    onResult(result) {
      profile = result.profile;
      cache.add(result);
    },
  });
  await cache.flush();
  if (profile === undefined) throw new QuantscopeError('INTERNAL', `${name}: the scan gave no profile`);
  return profile;
}
