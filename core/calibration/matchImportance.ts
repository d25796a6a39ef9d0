// An importance matrix from a file, put to the weights of a model by their place in the network.

import { createHash } from 'node:crypto';
import { QuantscopeError } from '../base/errors.ts';
import type { Checkpoint, TensorInfo } from '../checkpoint/checkpoint.ts';
import { tensorSource } from '../checkpoint/tensorSource.ts';
import type { ValuesInput } from '../forward/loadValues.ts';
import type { Pool } from '../kernels/pool.ts';
import type { Importance, ImportanceSource } from '../quant/importance.ts';

/**
 * Names differ between formats, places do not: `blk.3.attn_q` is `model.layers.3.self_attn.q_proj`. Stacked experts
 * have a row per expert and are left out.
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
  const measured = new Map(matrix.tensors.map((tensor) => [placeOf(tensor), tensor]));
  const found = new Map<number, Float32Array>();
  for (const tensor of model.tensors) {
    const entry = tensor.shape.length === 2 ? measured.get(placeOf(tensor)) : undefined;
    if (entry === undefined || entry.elements !== entry.shape.at(-1)) continue;
    if (entry.elements !== tensor.shape.at(-1))
      throw new QuantscopeError(
        'SHAPE_INVALID',
        `${matrix.name}: ${entry.name} has ${entry.elements} columns, ${tensor.name} has ${tensor.shape.at(-1)}; it was measured on another model`,
      );
    found.set(tensor.index, await load(matrix, entry, pool, signal));
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

function placeOf({ layer, module }: TensorInfo): string {
  return `${layer ?? ''}/${module}`;
}

async function load(
  matrix: Checkpoint,
  entry: TensorInfo,
  pool: Pool,
  signal: AbortSignal | undefined,
): Promise<Float32Array> {
  const input: ValuesInput = {
    source: tensorSource(matrix, entry.index),
    wanted: { first: 0, count: entry.elements },
  };
  const values = await pool.run<Float32Array>('loadValues', input, { signal });
  if (values.every((value) => value >= 0 && value < Number.POSITIVE_INFINITY)) return values;
  throw new QuantscopeError('NON_FINITE', `${matrix.name}: ${entry.name} holds values that are negative or not finite`);
}
