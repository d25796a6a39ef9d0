// Every tensor of the graphs once, under its name: quantized weights whole, their scales and zero points inside them.

import { QuantscopeError } from '../../base/errors.ts';
import { MAX_NAME_BYTES } from '../../base/limits.ts';
import { type StoredTensor, storedTensor } from '../format.ts';
import { limitName, quoteName } from '../tensorName.ts';
import type { QuantizedWeight } from './affineWeight.ts';
import type { OnnxGraph } from './graph.ts';
import type { Locate } from './parts.ts';
import { placeName } from './placeName.ts';
import { plainTensor } from './plainTensor.ts';
import { findQuantized } from './quantized.ts';
import { ValueUses } from './uses.ts';

/** @throws PACKING_INVALID, DUPLICATE_NAME, NAME_INVALID when a graph's prefix makes a name too long */
export function listTensors(
  file: string,
  graphs: readonly OnnxGraph[],
  locate: Locate,
): { tensors: StoredTensor[]; warnings: readonly string[] } {
  const uses = new ValueUses(graphs);
  const { weights, warnings } = findQuantized(file, graphs, uses, locate);
  const inside = new Set([...weights.values()].flatMap((weight) => weight.parts));
  const tensors: StoredTensor[] = [];
  const names = new Set<string>();
  for (const graph of graphs) {
    for (const tensor of graph.tensors) {
      if (inside.size > 0 && inside.has(tensor)) continue;
      const name = graph.prefix + tensor.name;
      limitName(name.length, MAX_NAME_BYTES, () => `${file}: the name of a tensor inside ${graph.prefix}`);
      // Names of one graph differ already.
      if (graphs.length > 1 && names.size === names.add(name).size) {
        const fact = `tensor ${quoteName(name)} appears in two graphs`;
        throw new QuantscopeError('DUPLICATE_NAME', `${file}: ${fact}`);
      }
      const weight = weights.size > 0 ? weights.get(tensor) : undefined;
      const stored = weight === undefined ? plainTensor(name, tensor, locate) : wholeTensor(name, weight, locate);
      const place = placeName(tensor.name, uses.of(graph, tensor.name), stored.elements);
      if (place !== undefined) tensors.push({ ...stored, placeName: graph.prefix + place });
      else tensors.push(stored.storage === undefined ? storedTensor(stored) : stored);
    }
  }
  return { tensors, warnings };
}

function wholeTensor(name: string, weight: QuantizedWeight, locate: Locate): StoredTensor {
  const { dtype, shape, elements, extent, storage, parts } = weight;
  const { file, offset } = extent;
  const bytes = parts.reduce((total, part) => total + locate(part).bytes, extent.bytes);
  return { name, dtype, shape, elements, bytes, file, offset, storage };
}
