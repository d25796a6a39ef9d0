// Git-LFS leaves a small text file in place of a model that was not downloaded.

import { QuantscopeError } from '../base/errors.ts';
import type { ByteSource } from '../io/byteSource.ts';

const START = 'version https://git-lfs';
/** git-lfs specification: pointer files are smaller than 1024 bytes. */
const MAX_POINTER_BYTES = 1024;

/** @param head the first bytes already read. @throws LFS_POINTER with the size of the real file */
export async function refuseLfsPointer(source: ByteSource, head: Uint8Array): Promise<void> {
  if (source.sizeBytes >= MAX_POINTER_BYTES || source.sizeBytes <= START.length) return;
  if (!START.startsWith(Buffer.from(head.subarray(0, START.length)).toString('latin1'))) return;
  const text = Buffer.from(await source.read(0, source.sizeBytes)).toString('latin1');
  if (!text.startsWith(START)) return;
  const size = /^size (\d{1,20})$/m.exec(text)?.[1];
  const fact = size === undefined ? '' : ` of ${size} bytes`;
  throw new QuantscopeError(
    'LFS_POINTER',
    `${source.name}: a Git-LFS pointer, not the model${fact}; fetch it with "git lfs pull"`,
  );
}
