// Measures an importance matrix: the mean square of every linear layer's input columns over a text.

import { MAX_EXPERTS } from '../base/limits.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { cutSequences } from '../evaluation/sequences.ts';
import type { Decoder, RunProgress, SecondMoments } from '../forward/decoder.ts';
import { numberedExpert, numberedModule } from '../model/expertNumber.ts';

export interface MeasuredImportance {
  /**
   * Mean of x² per column, by tensor index; a tensor that holds all experts has the columns of each, one after the
   * other, all 1 for an expert that no token reached (as llama.cpp takes them: nothing weighs its columns).
   */
  readonly columns: ReadonlyMap<number, Float32Array>;
  readonly tokens: number;
  readonly sequences: number;
}

export interface CollectOptions extends RunProgress {
  readonly context: number;
  readonly sequences?: number | undefined;
  readonly seed?: number | undefined;
  readonly begin: number | null;
}

/** @throws TEXT_TOO_SHORT, and what Decoder.secondMoments throws */
export async function collectImportance(
  decoder: Decoder,
  ids: Uint32Array,
  options: CollectOptions,
): Promise<MeasuredImportance> {
  const { sequences } = cutSequences(ids, { ...options, score: 'all' });
  const moments = await decoder.secondMoments(sequences, options);
  return { columns: columnsOf(moments), tokens: moments.tokens, sequences: sequences.length };
}

/** Sums of squares over the rows they are of. */
export function columnsOf({ sums, rows }: Pick<SecondMoments, 'sums' | 'rows'>): Map<number, Float32Array> {
  return new Map([...sums].map(([tensor, sum]) => [tensor, meanSquares(sum, rows.get(tensor) ?? new Float64Array(1))]));
}

function meanSquares(sums: Float64Array, rows: Float64Array): Float32Array {
  const columns = sums.length / rows.length;
  return Float32Array.from(sums, (square, at) => {
    const reached = rows[Math.floor(at / columns)] ?? 0;
    return reached === 0 ? 1 : square / reached;
  });
}

/**
 * Under llama.cpp's names; the tensor's own where it has no other. Experts of a layer are one entry, one after the other.
 */
export function importanceEntries(
  { columns }: Pick<MeasuredImportance, 'columns'>,
  { tensors }: Checkpoint,
  ggufNameOf: (name: string) => string | null,
): { name: string; columns: Float32Array; matrices?: number }[] {
  const entries = new Map<string, { parts: Float32Array[]; width: number }>();
  for (const [index, values] of columns) {
    const tensor = tensors[index];
    if (tensor === undefined) continue;
    const module = numberedModule(tensor);
    const { stack, number } = numberedExpert(module) ?? { stack: module, number: 0 };
    const known = number < MAX_EXPERTS ? EXPERT_ENTRIES[stack] : undefined;
    const names = known?.map((name) => `blk.${tensor.layer ?? 0}.${name}.weight`);
    for (const name of names ?? [ggufNameOf(tensor.name) ?? tensor.name]) {
      const entry = entries.get(name) ?? { parts: [], width: tensor.shape.at(-1) ?? values.length };
      entry.parts[number] = values;
      entries.set(name, entry);
    }
  }
  return [...entries].map(([name, { parts, width }]) => {
    const all = joined(parts);
    return { name, columns: all, matrices: all.length / width };
  });
}

/** llama.cpp's tensors of all experts; where a model joins gate and up, both take the same in. */
const EXPERT_ENTRIES: Readonly<Record<string, readonly string[]>> = {
  expert_gate: ['ffn_gate_exps'],
  expert_up: ['ffn_up_exps'],
  expert_gate_up: ['ffn_gate_exps', 'ffn_up_exps'],
  expert_down: ['ffn_down_exps'],
};

/** @param parts may have holes: experts without values weigh nothing */
function joined(parts: readonly (Float32Array | undefined)[]): Float32Array {
  const size = parts.find((part) => part !== undefined)?.length ?? 0;
  const all = new Float32Array(parts.length * size).fill(1);
  for (const [number, part] of parts.entries()) if (part?.length === size) all.set(part, number * size);
  return all;
}
