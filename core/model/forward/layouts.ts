// Weights as they are stored: dimensions of linear layers and norms, with the biases a model has.

import type { ModelHeaders, WeightLayout, WeightLayouts } from './family.ts';

/** A weight of these dimensions, [out, in] or [width]. */
export function stored(...dimensions: number[]): WeightLayout {
  return { dimensions };
}

/** The modules, each with a bias of as many numbers as it gives where the model stores one. */
export function withBiases(
  { has }: Pick<ModelHeaders, 'has'>,
  layer: number | null,
  modules: Readonly<Record<string, WeightLayout>>,
): WeightLayouts {
  const layouts = new Map<string, WeightLayout>();
  for (const [module, layout] of Object.entries(modules)) {
    const outputs = layout.dimensions[layout.transposed === true ? 1 : 0] ?? 0;
    layouts.set(module, layout);
    if (has(layer, `${module}.bias`)) layouts.set(`${module}.bias`, { dimensions: [outputs] });
  }
  return layouts;
}
