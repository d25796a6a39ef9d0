// Tensor names → places in the network.

import type { ModelMap, TensorPlace } from './places.ts';

export interface PlacementHints {
  /** Parsed config.json, or null. */
  readonly config: Readonly<Record<string, unknown>> | null;
  /** `general.architecture` of a GGUF file, or null. */
  readonly ggufArchitecture: string | null;
}

export function placeTensors(
  names: readonly string[],
  _shapes: readonly (readonly number[])[],
  hints: PlacementHints,
): { map: ModelMap; places: TensorPlace[] } {
  const places = names.map((name): TensorPlace => {
    const match = /^(.*?)\.(\d+)\.(.*)$/.exec(name);
    if (match === null) return { role: 'other', layer: null, stack: '', module: name.replace(/\.weight$/, '') };
    const [, stack = '', layer = '', rest = ''] = match;
    return { role: 'other', layer: Number(layer), stack, module: rest.replace(/\.weight$/, '') };
  });
  const layers = places.reduce((most, place) => Math.max(most, (place.layer ?? -1) + 1), 0);
  return { map: { architecture: hints.ggufArchitecture, layers }, places };
}
