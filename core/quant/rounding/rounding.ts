// Weights whose codes something other than their type's quantizer chose, ahead of an export.

import type { TensorSource } from '../../tensor/storage.ts';

export const ROUNDINGS = ['gptq'] as const;

export type RoundingMethod = (typeof ROUNDINGS)[number];

export interface Rounding {
  readonly method: RoundingMethod;
  /** Name of the text that the Hessians were measured on. */
  readonly dataset: string;
  /** Sequences of it. */
  readonly chunks: number;
  /** How many tensors it is of. */
  readonly tensors: number;
  /**
   * The finished blocks of a tensor, in the order of its rows; null for those that are quantized as ever.
   * @param tensor index in the checkpoint
   */
  source(tensor: number): TensorSource | null;
}
