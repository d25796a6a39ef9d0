// Which of a plan's tensors GPTQ can round: those that multiply an input whose XᵀX can be measured.

import { MAX_HESSIAN_BYTES } from '../base/limits.ts';
import type { TensorInfo } from '../checkpoint/checkpoint.ts';
import { tensorSource } from '../checkpoint/tensorSource.ts';
import { hasStoredBytes } from '../decode/storedBytes.ts';
import type { Parts } from '../forward/blocks.ts';
import type { StoredTypes } from '../forward/plannedWeights.ts';
import type { WeightPlace } from '../forward/weights.ts';
import type { Network } from '../model/forward/family.ts';
import type { GgufTarget } from '../quant/ggufTypes.ts';
import { codeLayout } from '../quant/rounding/codeLayout.ts';

/** Rows of a tensor that multiply one input: all of them, or an expert's. */
export interface RoundedPlace extends WeightPlace {
  readonly type: GgufTarget;
}

/** An input, and what multiplies it. */
export interface RoundedTap {
  readonly name: string;
  readonly columns: number;
  readonly places: readonly RoundedPlace[];
}

export interface Roundable {
  /** By layer, in their order, the head as the one after the last; layers without any are left out. */
  readonly layers: ReadonlyMap<number, readonly RoundedTap[]>;
  /** Every one is rounded whole. */
  readonly tensors: readonly TensorInfo[];
  /** Quantized all the same, as without GPTQ, and why. */
  readonly others: readonly { readonly tensor: TensorInfo; readonly reason: string }[];
}

/** What the output matrix takes in. */
const HEAD_TAP = 'output_in';

/** @param types what each planned tensor is to be stored as */
export function roundable({ network, weights }: Parts, types: StoredTypes): Roundable {
  const { checkpoint } = weights;
  const wanted = checkpoint.tensors.filter((tensor) => {
    const type = types.get(tensor.index);
    if (type === undefined || codeLayout(type) === null) return false;
    // The exporter copies it.
    return type !== tensor.dtype || !hasStoredBytes(tensorSource(checkpoint, tensor.index));
  });
  const left = new Map(wanted.map((tensor) => [tensor.index, tensor]));
  const reasons = new Map<number, string>();
  const layers = new Map<number, RoundedTap[]>();
  const tensors: TensorInfo[] = [];
  for (let layer = 0; layer <= network.layers; layer++) {
    const taps: RoundedTap[] = [];
    for (const { name, modules, columns } of tapsOf(network, layer)) {
      const places: RoundedPlace[] = [];
      for (const { name: module, transposed } of modules) {
        const place = weights.place(layer === network.layers ? null : layer, module);
        const type = place === null ? undefined : types.get(place.tensor.index);
        if (place === null || type === undefined || !left.has(place.tensor.index)) continue;
        const reason = refusal(module, transposed, columns);
        if (reason === null) places.push({ ...place, type });
        else reasons.set(place.tensor.index, reason);
      }
      if (places.length > 0) taps.push({ name, columns, places });
    }
    const found = taps.flatMap(({ places }) => places.map(({ tensor }) => tensor));
    for (const tensor of new Set(found)) {
      left.delete(tensor.index);
      tensors.push(tensor);
    }
    if (taps.length > 0) layers.set(layer, taps);
  }
  const others = [...left.values()].map((tensor) => ({
    tensor,
    reason: reasons.get(tensor.index) ?? 'no input of it is measured',
  }));
  return { layers, tensors, others };
}

interface NetworkTap {
  readonly name: string;
  readonly columns: number;
  readonly modules: readonly { readonly name: string; readonly transposed: boolean }[];
}

function tapsOf(network: Network, layer: number): NetworkTap[] {
  const { head } = network;
  if (layer === network.layers)
    return [{ name: HEAD_TAP, columns: head.columns, modules: [{ name: head.output, transposed: false }] }];
  const block = network.block(layer);
  return block.graph({ sequences: 1, tokens: 1 }).taps.map(({ name, columns, modules }) => {
    const stored = modules.map((module) => ({
      name: module,
      transposed: block.weights.get(module)?.transposed === true,
    }));
    return { name, columns, modules: stored };
  });
}

function refusal(module: string, transposed: boolean, columns: number): string | null {
  if (module === 'embed') return 'it is the embedding as well';
  if (transposed) return 'its rows are inputs';
  return 8 * columns ** 2 > MAX_HESSIAN_BYTES ? `its Hessian has ${columns} columns` : null;
}
