// A model's weights moved a little along a direction: the same network somewhere near, to see how its gradients change.

import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { ModelWeights, type WeightPlace } from '../forward/weights.ts';
import type { Pool } from '../kernels/pool.ts';

/**
 * Adds the direction to consecutive values of a weight.
 * @param first element of the place that `values` begin with
 */
export type Shift = (values: Float32Array, place: WeightPlace, first: number) => void;

export class ShiftedWeights extends ModelWeights {
  readonly #shift: Shift;

  constructor(checkpoint: Checkpoint, pool: Pool, shift: Shift) {
    super(checkpoint, pool);
    this.#shift = shift;
  }

  override async load(
    layer: number | null,
    module: string,
    shape: readonly number[],
    signal: AbortSignal | undefined,
  ): Promise<Float32Array> {
    const values = await super.load(layer, module, shape, signal);
    const place = this.place(layer, module);
    if (place !== null) this.#shift(values, place, 0);
    return values;
  }

  override async rows(
    module: string,
    shape: readonly number[],
    rows: Uint32Array,
    signal: AbortSignal | undefined,
  ): Promise<Float32Array> {
    const values = await super.rows(module, shape, rows, signal);
    const place = this.place(null, module);
    const columns = values.length / Math.max(1, rows.length);
    if (place !== null)
      for (const [at, row] of rows.entries())
        this.#shift(values.subarray(at * columns, (at + 1) * columns), place, row * columns);
    return values;
  }
}
