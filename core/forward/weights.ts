// Weights of an open model as float32 arrays, found by layer and grid column, decoded over the pool.

import { QuantscopeError } from '../base/errors.ts';
import type { Checkpoint, TensorInfo } from '../checkpoint/checkpoint.ts';
import { tensorSource } from '../checkpoint/tensorSource.ts';
import type { Pool } from '../kernels/pool.ts';
import type { ValuesInput } from './loadValues.ts';

/** Elements of one task: 16 MB of float32. */
const CHUNK_ELEMENTS = 1 << 22;

export class ModelWeights {
  readonly checkpoint: Checkpoint;
  readonly #pool: Pool;
  readonly #byPlace = new Map<string, TensorInfo>();

  constructor(checkpoint: Checkpoint, pool: Pool) {
    this.checkpoint = checkpoint;
    this.#pool = pool;
    for (const tensor of checkpoint.tensors) this.#byPlace.set(`${tensor.layer ?? ''}/${tensor.module}`, tensor);
  }

  find(layer: number | null, module: string): TensorInfo | null {
    return this.#byPlace.get(`${layer ?? ''}/${module}`) ?? null;
  }

  /** @param shape expected, row-major. @throws TENSOR_NOT_FOUND, SHAPE_INVALID, CANCELLED, FILE_TRUNCATED */
  async load(
    layer: number | null,
    module: string,
    shape: readonly number[],
    signal: AbortSignal | undefined,
  ): Promise<Float32Array> {
    const tensor = this.#needed(layer, module);
    if (tensor.shape.join() !== shape.join())
      throw new QuantscopeError(
        'SHAPE_INVALID',
        `${this.checkpoint.name}: ${tensor.name} is [${tensor.shape.join(', ')}], the configuration says [${shape.join(', ')}]`,
      );
    const source = tensorSource(this.checkpoint, tensor.index);
    const values = new Float32Array(tensor.elements);
    const parts: Promise<void>[] = [];
    for (let first = 0; first < tensor.elements; first += CHUNK_ELEMENTS) {
      const input: ValuesInput = {
        source,
        wanted: { first, count: Math.min(CHUNK_ELEMENTS, tensor.elements - first) },
      };
      parts.push(this.#pool.run<Float32Array>('loadValues', input, { signal }).then((part) => values.set(part, first)));
    }
    await Promise.all(parts);
    return values;
  }

  /** Rows of a matrix in the order asked for, [rows.length, columns]. */
  async rows(module: string, rows: Uint32Array, signal: AbortSignal | undefined): Promise<Float32Array> {
    const source = tensorSource(this.checkpoint, this.#needed(null, module).index);
    const input: ValuesInput = { source, wanted: { rows } };
    return this.#pool.run<Float32Array>('loadValues', input, { signal });
  }

  #needed(layer: number | null, module: string): TensorInfo {
    const tensor = this.find(layer, module);
    if (tensor !== null) return tensor;
    const where = layer === null ? 'outside the layers' : `in layer ${layer}`;
    throw new QuantscopeError('TENSOR_NOT_FOUND', `${this.checkpoint.name}: no ${module} weight ${where}`);
  }
}
