// What a GGUF export will hold, before any tensor type is chosen: key-values and tensors in file order.

import type { TensorInfo } from '../../checkpoint/checkpoint.ts';
import type { DType } from '../../tensor/dtype.ts';
import type { KeyValue } from './keyValues.ts';

export interface GgufTensor {
  readonly name: string;
  /** Row-major, slowest dimension first; written reversed. */
  readonly shape: readonly number[];
  /** Where the numbers come from: a tensor of the checkpoint, or values computed for this export. */
  readonly source: TensorInfo | Float32Array;
  /** The type it has whatever the plan says, or null where the plan chooses. */
  readonly fixedType: DType | null;
  /** Stored type of a tensor the plan may choose but does not name. */
  readonly keptType: DType;
  /** Attention heads whose rows are interleaved for GGUF's rotary layout; 0 = rows stay in place. */
  readonly permutedHeads: number;
}

export interface GgufContents {
  /** Bytes; a power of two. */
  readonly alignment: number;
  readonly keyValues: readonly KeyValue[];
  readonly tensors: readonly GgufTensor[];
  readonly warnings: readonly string[];
}
