// Hugging Face tensor names of an exportable checkpoint in llama.cpp's spelling.

import { ggufName } from '../../model/ggufNames.ts';
import type { GgufArchitecture } from '../../model/modelConfig.ts';

/** @returns the GGUF name, or null for a tensor the architecture has no place for */
export type ToGgufName = (name: string) => string | null;

/** @param names all tensors of the checkpoint: a tied matrix saved only as the output is the token embedding */
export function ggufNamesFor(architecture: GgufArchitecture, names: ReadonlySet<string>): ToGgufName {
  const outputIsEmbedding = names.has('lm_head.weight') && !names.has('model.embed_tokens.weight');
  return (name) =>
    outputIsEmbedding && name === 'lm_head.weight' ? 'token_embd.weight' : ggufName(name, architecture);
}

/** Buffers old checkpoints saved although every runtime computes them. */
export function isComputedBuffer(name: string): boolean {
  return /\.(rotary_emb\.inv_freq|attention\.masked_bias)$/.test(name);
}
