// Numbers belong to the files that were opened: what was read while they changed is not handed on.

import { isCancelled } from '../base/cancellation.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { filesOf } from '../checkpoint/tensorSource.ts';
import { checkUnchanged, type FileIdentity } from '../io/fileIdentity.ts';

/**
 * Runs `work` over files that must be the same before and after. A failure of `work` caused by a change is told as the
 * change: "ends at byte 12" alone would send the user looking for a broken download.
 *
 * @param files what `work` reads
 * @throws FILE_CHANGED, and what `work` throws
 */
export async function onUnchanged<T>(files: readonly FileIdentity[], work: () => Promise<T>): Promise<T> {
  await checkUnchanged(files);
  let result: T;
  try {
    result = await work();
  } catch (error) {
    if (!isCancelled(error)) await checkUnchanged(files);
    throw error;
  }
  await checkUnchanged(files);
  return result;
}

/** The files that hold a tensor's parts; none for an index out of range, which the reader refuses. */
export function filesHolding({ tensors, files }: Checkpoint, tensor: number): readonly FileIdentity[] {
  const wanted = tensors[tensor];
  return wanted === undefined ? [] : filesOf(wanted).flatMap((file) => files[file] ?? []);
}
