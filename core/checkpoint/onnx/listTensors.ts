// Every tensor of the graphs once, under its name: quantized weights whole, their scales and zero points inside them.

import { QuantscopeError } from '../../base/errors.ts';
import { MAX_NAME_BYTES } from '../../base/limits.ts';
import type { StoredTensor } from '../format.ts';
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
    for (const [value, tensor] of graph.tensors) {
      if (inside.has(tensor)) continue;
      const name = graph.prefix + value;
      limitName(name.length, MAX_NAME_BYTES, () => `${file}: the name of a tensor inside ${graph.prefix}`);
      if (names.has(name)) {
        const fact = `tensor ${quoteName(name)} appears in two graphs`;
        throw new QuantscopeError('DUPLICATE_NAME', `${file}: ${fact}`);
      }
      names.add(name);
      const weight = weights.get(tensor);
      const { shape, elements } = weight ?? tensor;
      const stored = weight === undefined ? plainTensor(tensor, locate) : wholeTensor(weight, locate);
      const place = placeName(value, uses.of(graph, value), elements);
      const where = place === undefined ? {} : { placeName: graph.prefix + place };
      tensors.push({ name, shape, elements, ...stored, ...where });
    }
  }
  return { tensors, warnings };
}

function wholeTensor({ dtype, extent, storage, parts }: QuantizedWeight, locate: Locate) {
  const { file, offset } = extent;
  const bytes = parts.reduce((total, part) => total + locate(part).bytes, extent.bytes);
  return { dtype, file, offset, bytes, storage };
}
