// Every quantizer whose weights are shown as logical tensors. To add one: a file with a Packing, and a line here.

import { awq } from './awq.ts';
import { gptq } from './gptq.ts';
import type { Packing } from './packing.ts';

/** The first that recognises a group reads it. */
export const PACKINGS: readonly Packing[] = [gptq, awq];
