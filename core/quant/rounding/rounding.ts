// Weights whose codes something other than their type's quantizer chooses, ahead of an export.

import type { TensorSource } from '../../tensor/storage.ts';

export const ROUNDINGS = ['gptq'] as const;

export type RoundingMethod = (typeof ROUNDINGS)[number];

/** What people and files are told of it. */
export interface RoundingFacts {
  readonly method: RoundingMethod;
  /** Name of the text that the Hessians are measured on. */
  readonly dataset: string;
  /** Sequences of it. */
  readonly chunks: number;
  /** How many tensors it is of. */
  readonly tensors: number;
  /** Those that are quantized as ever although their types have codes, and why. */
  readonly others: readonly { readonly name: string; readonly reason: string }[];
}

export interface Rounding extends RoundingFacts {
  /** What choosing the codes still takes at most; on the disk until the export is done. */
  readonly memoryBytes: number;
  readonly diskBytes: number;
  /**
   * The finished blocks of a tensor, in the order of its rows; null for those that are quantized as ever.
   * @param tensor index in the checkpoint
   */
  source(tensor: number): TensorSource | null;
}

/** Without what only the process that does it needs. */
export function roundingFacts({ method, dataset, chunks, tensors, others }: RoundingFacts): RoundingFacts {
  return { method, dataset, chunks, tensors, others };
}
