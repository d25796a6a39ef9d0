// Which tensor of an export holds what which tensor of the original held.

import type { Checkpoint, TensorInfo } from '../../checkpoint/checkpoint.ts';
import { ggufArchitecture, readModelConfig } from '../../model/modelConfig.ts';
import { permutedHeads } from '../gguf/permutedHeads.ts';
import { ggufNamesFor, isComputedBuffer } from '../gguf/tensorNames.ts';

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
  const spell = spelling(original, exported);
  const candidates = new Map(exported.tensors.map((tensor) => [spell(exported, tensor.name).name, tensor]));
  const left = new Set(exported.tensors);
  const pairs: TensorPair[] = [];
  const missing: TensorInfo[] = [];
  for (const tensor of original.tensors) {
    const { name, heads } = spell(original, tensor.name);
    const other = candidates.get(name) ?? (isTiedOutput(original, name) ? candidates.get(EMBEDDING) : undefined);
    if (other === undefined) {
      if (!isComputedBuffer(tensor.name)) missing.push(tensor);
      continue;
    }
    left.delete(other);
    pairs.push({ original: tensor, exported: other, permutedHeads: heads || spell(exported, other.name).heads });
  }
  return { pairs, missing, extra: [...left] };
}

const EMBEDDING = 'token_embd.weight';

/** A GGUF without an output matrix multiplies with the token embedding. */
function isTiedOutput({ config }: Checkpoint, name: string): boolean {
  return name === 'output.weight' && config?.tie_word_embeddings === true;
}

type Spell = (of: Checkpoint, name: string) => { name: string; heads: number };

/** Names as GGUF spells them where exactly one side is a Hugging Face model of a known family; else as they are. */
function spelling(original: Checkpoint, exported: Checkpoint): Spell {
  const asItIs: Spell = (_, name) => ({ name, heads: 0 });
  if (original.format === exported.format) return asItIs;
  const [source, target] = original.format === 'gguf' ? [exported, original] : [original, exported];
  const architecture = source.config === null ? null : ggufArchitecture(source.config);
  if (source.config === null || typeof architecture !== 'string') return asItIs;
  const config = readModelConfig(source.config, architecture);
  const toGguf = ggufNamesFor(architecture, new Set(source.tensors.map(({ name }) => name)));
  const targetNames = new Set(target.tensors.map(({ name }) => name));
  return (of, name) => {
    // A safetensors file exported from GGUF keeps GGUF's names and row order.
    const translated = of === source && !targetNames.has(name) ? toGguf(name) : null;
    return translated === null ? { name, heads: 0 } : { name: translated, heads: permutedHeads(name, config) };
  };
}
