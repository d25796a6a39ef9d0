// Which tensor of an export holds what which tensor of the original held.

import type { Checkpoint, TensorInfo } from '../../checkpoint/checkpoint.ts';
import { ggufArchitecture, readModelConfig } from '../gguf/modelConfig.ts';
import { permutedHeads } from '../gguf/permutedHeads.ts';
import { ggufTensorName, isComputedBuffer } from '../gguf/tensorNames.ts';

export interface TensorPair {
  readonly original: TensorInfo;
  readonly exported: TensorInfo;
  /** Heads whose rows the GGUF side interleaves; 0 = rows in the same order. */
  readonly permutedHeads: number;
}

export interface Pairing {
  readonly pairs: readonly TensorPair[];
  readonly missing: readonly TensorInfo[];
  readonly extra: readonly TensorInfo[];
}

/** By name; between Hugging Face and GGUF by the exporter's own table, in both directions. */
export function pairTensors(original: Checkpoint, exported: Checkpoint): Pairing {
  const toGguf = translation(original, exported);
  const left = new Map(exported.tensors.map((tensor) => [toGguf(exported, tensor.name).name, tensor]));
  const pairs: TensorPair[] = [];
  const missing: TensorInfo[] = [];
  for (const tensor of original.tensors) {
    const mine = toGguf(original, tensor.name);
    const other = left.get(mine.name);
    if (other === undefined) {
      if (!isComputedBuffer(tensor.name)) missing.push(tensor);
      continue;
    }
    left.delete(mine.name);
    pairs.push({ original: tensor, exported: other, permutedHeads: mine.heads || toGguf(exported, other.name).heads });
  }
  return { pairs, missing, extra: [...left.values()] };
}

type Translate = (of: Checkpoint, name: string) => { name: string; heads: number };

/** Names as GGUF spells them where exactly one side is a Hugging Face model of a known family; else as they are. */
function translation(original: Checkpoint, exported: Checkpoint): Translate {
  const same: Translate = (_, name) => ({ name, heads: 0 });
  if (original.format === exported.format) return same;
  const source = original.format === 'gguf' ? exported : original;
  const names = new Set((original.format === 'gguf' ? original : exported).tensors.map(({ name }) => name));
  const architecture = source.config === null ? null : ggufArchitecture(source.config);
  if (source.config === null || typeof architecture !== 'string') return same;
  const config = readModelConfig(source.config, architecture);
  return (of, name) => {
    const translated = of === source && !names.has(name) ? ggufTensorName(architecture, name) : null;
    return translated === null ? { name, heads: 0 } : { name: translated, heads: permutedHeads(name, config) };
  };
}
