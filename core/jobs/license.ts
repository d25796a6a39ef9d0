// Under which license the output of a job falls: a quantized model is made from its original, and keeps its terms.

import type { Checkpoint } from '../checkpoint/checkpoint.ts';

/** As the file's metadata or the model card beside it say, or null. */
export function licenseOf({ metadata, companions, gguf }: Checkpoint): string | null {
  const entry = gguf?.keyValues.find(({ key }) => key === 'general.license')?.preview(1) ?? metadata.license;
  if (typeof entry === 'string' && entry !== '') return entry;
  const card = companions.find(({ kind }) => kind === 'card');
  return /\blicense ([^,]+)/.exec(card?.note ?? '')?.[1] ?? null;
}
