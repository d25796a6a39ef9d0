// float32 rows → the bytes of a GGUF type on the GPU: the bytes the processor gives.

import { QuantscopeError } from '../../base/errors.ts';
import { type DType, dtypeInfo, storedBytes } from '../../tensor/dtype.ts';
import type { Gpu } from './device.ts';
import { K_QUANTS } from './kQuants.ts';
import { LEGACY_QUANTS, ROW_IMPORTANCE } from './legacyQuants.ts';
import type { Recipe } from './packing.ts';
import { Passes } from './passes.ts';

const RECIPES: Partial<Record<DType, Recipe>> = { ...LEGACY_QUANTS, ...K_QUANTS };

/** Of a buffer's bytes: importance, codes and scales need memory too, and systems end what keeps a screen waiting. */
const TILE_SHARE = 1 / 4;

/** With importance weights and without. */
export function canGpuEncode(type: DType): boolean {
  return RECIPES[type] !== undefined;
}

/**
 * As `encodeFromF32`, byte for byte.
 * @param values  rows · columns, finite, columns a whole number of blocks
 * @param weights one per column, or null
 * @throws DEVICE_LOST; MEMORY_LIMIT, also for rows beyond a buffer where importance is that of whole rows
 */
export async function gpuEncode(
  gpu: Gpu,
  type: DType,
  values: Float32Array,
  columns: number,
  weights: Float32Array | null = null,
): Promise<Uint8Array> {
  const recipe = RECIPES[type];
  if (recipe === undefined) throw new QuantscopeError('TYPE_UNKNOWN', `${type}: no GPU kernel writes it`);
  const unit = weights !== null && ROW_IMPORTANCE.has(type) ? columns : dtypeInfo(type).blockElements;
  if (unit * 4 > gpu.tileBytes)
    throw new QuantscopeError(
      'MEMORY_LIMIT',
      `${gpu.facts.name}: a row of ${columns} values, ${gpu.tileBytes} bytes a buffer`,
    );
  const step = Math.max(1, Math.floor((gpu.tileBytes * TILE_SHARE) / (unit * 4))) * unit;
  const out = new Uint8Array(storedBytes(type, values.length));
  for (let first = 0; first < values.length; first += step) {
    const passes = new Passes();
    const tile = values.subarray(first, first + step);
    const packed = recipe(passes, {
      values: passes.load(tile),
      columns,
      weights: weights && { words: passes.load(weights), first: first % columns },
    });
    const bytes = new Uint8Array(await passes.run(gpu, packed), 0, storedBytes(type, tile.length));
    out.set(bytes, storedBytes(type, first));
  }
  return out;
}
