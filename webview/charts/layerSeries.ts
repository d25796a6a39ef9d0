// A figure of every tensor as lines along the network: one per role, one point a layer.

import type { TensorTable } from '../../core/protocol/objects.ts';
import type { LayerSeries } from './LayerLines.tsx';

/** @param shown  block of each tensor in the grid; negative where hidden */
export function layerSeries(
  table: Pick<TensorTable, 'layers' | 'roles'>,
  values: Float64Array,
  shown: Int32Array,
): LayerSeries[] {
  // One point per layer and role, the largest: hundreds of experts would be a solid block.
  const groups = new Map<string, Map<number, { layer: number; value: number; tensor: number }>>();
  table.roles.forEach((role, t) => {
    const layer = table.layers[t] ?? -1;
    const value = values[t] ?? Number.NaN;
    if (layer < 0 || (shown[t] ?? -1) < 0 || !Number.isFinite(value)) return;
    const layers = groups.get(role) ?? new Map<number, { layer: number; value: number; tensor: number }>();
    groups.set(role, layers);
    if (value > (layers.get(layer)?.value ?? -Infinity)) layers.set(layer, { layer, value, tensor: t });
  });
  return [...groups].map(([name, dots]) => ({ name, points: [...dots.values()].sort((a, b) => a.layer - b.layer) }));
}
