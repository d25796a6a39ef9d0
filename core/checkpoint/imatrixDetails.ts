// What an importance matrix says of itself, whichever of its two file kinds it came in.

export interface ImatrixDetails {
  /** Calibration texts as the file names them. */
  readonly datasets: readonly string[];
  /** Calls of the network, of `chunkTokens` tokens each; null where the file does not say. */
  readonly chunks: number | null;
  readonly chunkTokens: number | null;
}
