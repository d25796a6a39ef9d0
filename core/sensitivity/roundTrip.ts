// A whole tensor as a type would leave it, and its relative error.

import { type Checkpoint, matrixShape, type TensorInfo } from '../checkpoint/checkpoint.ts';
import { tensorSource } from '../checkpoint/tensorSource.ts';
import type { Pool } from '../kernels/pool.ts';
import type { GgufTarget } from '../quant/ggufTypes.ts';
import type { Importance } from '../quant/importance.ts';
import { rowWeights } from '../quant/rowWeights.ts';
import { relativeError } from './damage.ts';
import type { RoundTripInput, RoundTripOutput } from './roundTripTask.ts';

/** Elements of one task: its scratch stays far below a worker's arena. */
const CHUNK_ELEMENTS = 1 << 22;

export interface RoundTrip {
  /** Ŵ, shaped like the tensor. */
  readonly values: Float32Array;
  /** ‖W − Ŵ‖² / ‖W‖², columns weighted by the importance where there is one. */
  readonly relativeError: number;
}

export interface RoundTripSource {
  readonly checkpoint: Checkpoint;
  readonly pool: Pool;
  /** Used by the quantizers where it has a value per column. */
  readonly importance?: Importance | undefined;
}

/**
 * @param type divides the columns into whole blocks (`storedType`)
 * @throws FILE_TRUNCATED, FILE_UNREADABLE, CANCELLED, MEMORY_LIMIT
 */
export async function roundTrip(
  { checkpoint, pool, importance }: RoundTripSource,
  tensor: TensorInfo,
  type: GgufTarget,
  signal: AbortSignal | undefined,
): Promise<RoundTrip> {
  const { rows, columns } = matrixShape(tensor);
  const source = tensorSource(checkpoint, tensor.index);
  const weights = importance?.columns(tensor.index);
  const values = new Float32Array(tensor.elements);
  const step = Math.max(1, Math.floor(CHUNK_ELEMENTS / columns));
  const tasks: Promise<RoundTripOutput & { firstRow: number }>[] = [];
  const { matrixRows = rows } = rowWeights(weights, { rows, columns }, 0, rows) ?? {};
  for (let firstRow = 0; firstRow < rows; ) {
    const count = Math.min(step, rows - firstRow, matrixRows - (firstRow % matrixRows));
    const importance = rowWeights(weights, { rows, columns }, firstRow, count)?.values;
    const input: RoundTripInput = { source, firstRow, rows: count, type, importance };
    const own = { firstRow };
    tasks.push(pool.run<RoundTripOutput>('roundTrip', input, { signal }).then((part) => ({ ...part, ...own })));
    firstRow += count;
  }
  let [noise, power] = [0, 0];
  for (const part of await Promise.all(tasks)) {
    values.set(part.values, part.firstRow * columns);
    noise += part.noise;
    power += part.signal;
  }
  return { values, relativeError: relativeError(noise, power) };
}
