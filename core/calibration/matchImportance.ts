// An importance matrix from a file, put to the weights of a model by their place in the network.

import { createHash } from 'node:crypto';
import { QuantscopeError } from '../base/errors.ts';
import type { Checkpoint, TensorInfo } from '../checkpoint/checkpoint.ts';
import { tensorSource } from '../checkpoint/tensorSource.ts';
import type { ValuesInput } from '../forward/loadValues.ts';
import type { Pool } from '../kernels/pool.ts';
import { numberedExpert, numberedModule } from '../model/expertNumber.ts';
import type { Importance, ImportanceSource } from '../quant/importance.ts';

/**
 * Names differ between formats, places do not: `blk.3.attn_q` is `model.layers.3.self_attn.q_proj`. Experts stand one
 * after the other in an entry of all (llama.cpp's), and in a model's tensor of all.
 *
 * @throws TYPE_UNKNOWN when the file is no importance matrix, TENSOR_NOT_FOUND when it names no weight of the model,
 * SHAPE_INVALID when it was measured on another model, NON_FINITE
 */
export async function matchImportance(
  model: Checkpoint,
  matrix: Checkpoint,
  pool: Pool,
  signal: AbortSignal | undefined,
): Promise<Importance> {
  if (matrix.imatrix === undefined)
    throw new QuantscopeError('TYPE_UNKNOWN', `${matrix.name}: a ${matrix.format} model, not an importance matrix`);
  const measured = new Map(matrix.tensors.map((tensor) => [placeOf(tensor.layer, numberedModule(tensor)), tensor]));
  const found = new Map<number, Float32Array>();
  for (const tensor of model.tensors) {
    const part = entryOf(measured, tensor, matrix.name);
    if (part !== null) found.set(tensor.index, await load(matrix, part, pool, signal));
  }
  if (found.size === 0)
    throw new QuantscopeError(
      'TENSOR_NOT_FOUND',
      `${matrix.name}: none of its ${matrix.tensors.length} entries is a weight of ${model.name}`,
    );
  const { datasets, chunks } = matrix.imatrix;
  return importanceOf(found, matrix.name, { file: matrix.name, dataset: datasets[0] ?? null, chunks });
}

/** @param columns one value per column, by tensor index */
export function importanceOf(
  columns: ReadonlyMap<number, Float32Array>,
  name: string,
  source: ImportanceSource,
): Importance {
  return {
    id: idOf(columns),
    name,
    columns: (tensor) => columns.get(tensor) ?? null,
    tensors: columns.size,
    source,
  };
}

/** By content: the same values measured again, or copied, find the same cached results. */
function idOf(columns: ReadonlyMap<number, Float32Array>): string {
  const hash = createHash('sha256');
  for (const [tensor, values] of columns) hash.update(String(tensor)).update(values);
  return hash.digest('hex').slice(0, 32);
}

function placeOf(layer: number | null, module: string): string {
  return `${layer ?? ''}/${module}`;
}

interface EntryPart {
  readonly entry: TensorInfo;
  /** Values from the entry's `first` on. */
  readonly first: number;
  readonly count: number;
}

/** The values of a weight's columns in the entries by place; null where it was not measured. @throws SHAPE_INVALID */
function entryOf(measured: ReadonlyMap<string, TensorInfo>, tensor: TensorInfo, file: string): EntryPart | null {
  const { layer, shape } = tensor;
  const module = numberedModule(tensor);
  const all = shape.length === 3 && module.startsWith('expert_');
  if (shape.length !== 2 && !all) return null;
  const count = (shape.at(-1) ?? 0) * (all ? (shape[0] ?? 0) : 1);
  // Gate and up take the same in, so entries of theirs are the same.
  const entryAt = (name: string): TensorInfo | undefined =>
    measured.get(placeOf(layer, name)) ?? measured.get(placeOf(layer, name.replace('expert_gate_up', 'expert_gate')));
  const own = entryAt(module);
  const expert = own === undefined ? numberedExpert(module) : null;
  const entry = own ?? (expert === null ? undefined : entryAt(expert.stack));
  if (entry === undefined || entry.elements === 0) return null;
  const fits = expert === null ? entry.elements === count : entry.elements % count === 0;
  if (fits) {
    const first = (expert?.number ?? 0) * count;
    return first < entry.elements ? { entry, first, count } : null;
  }
  const fact = `${entry.name} has ${entry.elements} columns, ${tensor.name} has ${count}`;
  throw new QuantscopeError('SHAPE_INVALID', `${file}: ${fact}; it was measured on another model`);
}

async function load(
  matrix: Checkpoint,
  { entry, first, count }: EntryPart,
  pool: Pool,
  signal: AbortSignal | undefined,
): Promise<Float32Array> {
  const input: ValuesInput = {
    source: tensorSource(matrix, entry.index),
    wanted: { first, count },
  };
  const values = await pool.run<Float32Array>('loadValues', input, { signal });
  if (values.every((value) => value >= 0 && value < Number.POSITIVE_INFINITY)) return values;
  throw new QuantscopeError('NON_FINITE', `${matrix.name}: ${entry.name} holds values that are negative or not finite`);
}
