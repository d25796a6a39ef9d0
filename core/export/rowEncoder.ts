// Something beside the workers that quantizes rows: a GPU.

import type { DType } from '../tensor/dtype.ts';

export interface RowEncoder {
  /** Whether it writes the type to the bytes the workers would write, with importance weights and without. */
  takes(type: DType): boolean;
  /**
   * @param values  rows · columns, finite
   * @param weights one per column, or null
   */
  encode(type: DType, values: Float32Array, columns: number, weights: Float32Array | null): Promise<Uint8Array>;
}
