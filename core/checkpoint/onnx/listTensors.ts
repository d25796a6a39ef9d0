// Every tensor of the graphs once, under its name: quantized weights whole, their scales and zero points inside them.

import { MAX_NAME_BYTES } from '../../base/limits.ts';
import type { StoredTensor } from '../format.ts';
import { limitName } from '../tensorName.ts';
import type { OnnxGraph } from './graph.ts';
import type { Locate } from './parts.ts';
import { placeName } from './placeName.ts';
import { plainTensor } from './plainTensor.ts';
import { ValueUses } from './uses.ts';

/** @throws PACKING_INVALID, NAME_INVALID when a graph's prefix makes a name too long */
export function listTensors(
  file: string,
  graphs: readonly OnnxGraph[],
  locate: Locate,
): { tensors: StoredTensor[]; warnings: string[] } {
  const uses = new ValueUses(graphs);
  const tensors: StoredTensor[] = [];
  for (const graph of graphs) {
    for (const [value, tensor] of graph.tensors) {
      const name = graph.prefix + value;
      limitName(name.length, MAX_NAME_BYTES, () => `${file}: the name of a tensor inside ${graph.prefix}`);
      const { shape, elements } = tensor;
      const place = placeName(value, uses.of(graph, value), elements);
      tensors.push({
        name,
        shape,
        elements,
        ...plainTensor(tensor, locate),
        ...(place === undefined ? {} : { placeName: graph.prefix + place }),
      });
    }
  }
  return { tensors, warnings: [] };
}
