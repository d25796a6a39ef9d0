// Which mutators know the structure of a file, told by its name and first bytes as a reader would.

import { BYTE_MUTATORS } from './byteMutators.ts';
import type { Dice } from './dice.ts';
import { mutateGguf } from './ggufMutators.ts';
import { mutateJson, mutateSafetensors } from './jsonMutators.ts';
import { type Bytes, MAX_INPUT_BYTES, type MutationContext, type Mutator } from './mutation.ts';
import { mutatePickle } from './pickleMutators.ts';
import { mutateProtobuf } from './protobufMutators.ts';
import { zipMutator } from './zipMutators.ts';

const MAX_STACKED = 4;
const mutateZip = zipMutator((name, bytes, dice, context) => oneMutation(name, bytes, dice, context));

/** Spoils a file once, half as often twice, and so on. */
export function mutated(name: string, bytes: Bytes, dice: Dice, context: MutationContext): Bytes {
  let result = bytes;
  for (let step = 0; step < MAX_STACKED && (step === 0 || dice.oneIn(2)); step++) {
    result = oneMutation(name, result, dice, context) ?? result;
    if (result.length > MAX_INPUT_BYTES) result = result.slice(0, MAX_INPUT_BYTES);
  }
  return result;
}

function oneMutation(name: string, bytes: Bytes, dice: Dice, context: MutationContext): Bytes | null {
  const structured = dice.oneIn(2) ? structuredMutator(name, bytes) : null;
  return structured?.(bytes, dice, context) ?? dice.pick(BYTE_MUTATORS)(bytes, dice, context);
}

function structuredMutator(name: string, bytes: Bytes): Mutator | null {
  const magic = Buffer.from(bytes.subarray(0, 4)).toString('latin1');
  if (magic.startsWith('PK')) return mutateZip;
  if (magic === 'GGUF') return mutateGguf;
  if (name.endsWith('.safetensors')) return mutateSafetensors;
  if (name.endsWith('.json')) return mutateJson;
  if (name.endsWith('.onnx') || name.endsWith('.model')) return mutateProtobuf;
  if (name.endsWith('.pkl') || magic.startsWith('\x80')) return mutatePickle;
  return null;
}
