// What an importance matrix says of itself, whichever of its two file kinds it came in.

import { QuantscopeError } from '../base/errors.ts';

export interface ImatrixDetails {
  /** Calibration texts as the file names them. */
  readonly datasets: readonly string[];
  /** Calls of the network, of `chunkTokens` tokens each; null where the file does not say. */
  readonly chunks: number | null;
  readonly chunkTokens: number | null;
}

/** Why nothing can be planned for or made of such a checkpoint; null for models. */
export function imatrixBlocker({ imatrix }: { readonly imatrix?: ImatrixDetails | undefined }): string | null {
  return imatrix === undefined ? null : 'an importance matrix, not a model: there are no weights in it';
}

/** @throws UNSUPPORTED_ARCHITECTURE for an importance matrix */
export function refuseImatrix(checkpoint: { readonly name: string; readonly imatrix?: ImatrixDetails }): void {
  const blocker = imatrixBlocker(checkpoint);
  if (blocker !== null) throw new QuantscopeError('UNSUPPORTED_ARCHITECTURE', `${checkpoint.name}: ${blocker}`);
}
