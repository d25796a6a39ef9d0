// Every quantizer whose weights are shown as logical tensors. To add one: a file with a Packing, and a line here.

import { awq } from './awq.ts';
import { bitsandbytes4, bitsandbytes8 } from './bitsandbytes.ts';
import { intQuantized, packQuantized, sparseBitmask } from './compressedTensors.ts';
import { fp8 } from './fp8.ts';
import { gptq } from './gptq.ts';
import { hqq } from './hqq.ts';
import { mlx } from './mlx.ts';
import { mxfp4 } from './mxfp4.ts';
import { nvfp4 } from './nvfp4.ts';
import type { Packing } from './packing.ts';

/** The first that recognises a group reads it. */
export const PACKINGS: readonly Packing[] = [
  gptq,
  awq,
  packQuantized,
  intQuantized,
  sparseBitmask,
  bitsandbytes4,
  bitsandbytes8,
  nvfp4,
  mxfp4,
  fp8,
  hqq,
  mlx,
];
