// A model's weights as the exported file of a plan would hold them, without writing it.

import { tensorSource } from '../checkpoint/tensorSource.ts';
import { hasStoredBytes } from '../decode/storedBytes.ts';
import type { GgufTarget } from '../quant/ggufTypes.ts';
import type { Importance } from '../quant/importance.ts';
import type { ModelWeights } from './weights.ts';

/** The stored type of each planned tensor, by its index; all others stay as they are. */
export type StoredTypes = ReadonlyMap<number, GgufTarget>;

/**
 * Every weight goes through its type and back when it is loaded, with the importance the exporter would use; a tensor
 * that is of its type already is copied by the exporter, and is left alone here.
 */
export function plannedWeights(original: ModelWeights, types: StoredTypes, importance?: Importance): ModelWeights {
  const { checkpoint } = original;
  return original.stored(({ index, dtype }) => {
    const type = types.get(index);
    if (type === undefined) return null;
    const source = tensorSource(checkpoint, index);
    if (type === dtype && hasStoredBytes(source)) return null;
    return { type, importance: importance?.columns(index) ?? undefined };
  });
}
