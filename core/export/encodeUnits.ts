// Turns units into bytes: workers encode chunks of rows ahead, bytes come out in file order.

import { QuantscopeError } from '../base/errors.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { tensorAt, tensorSource } from '../checkpoint/tensorSource.ts';
import type { Pool } from '../kernels/pool.ts';
import type { Importance } from '../quant/importance.ts';
import { rowWeights } from '../quant/rowWeights.ts';
import type { EncodeRows } from './encodeTensor.ts';
import { orderedRuns } from './orderedRuns.ts';
import { type ExportUnit, headRowsOf, type UnitRows } from './units.ts';

/** Some bytes of a unit, in their order. */
export interface UnitPiece {
  readonly unit: ExportUnit;
  /** In the file. */
  readonly offset: number;
  readonly bytes: Uint8Array;
  /** The unit is whole with it. */
  readonly last: boolean;
}

export interface EncodeInput {
  readonly checkpoint: Checkpoint;
  readonly importance?: Importance | undefined;
}

/** @throws NON_FINITE, FILE_TRUNCATED, CANCELLED */
export async function* encodeUnits(
  input: EncodeInput,
  units: readonly ExportUnit[],
  pool: Pool,
  signal: AbortSignal | undefined,
): AsyncGenerator<UnitPiece, void, undefined> {
  const encoded = orderedRuns<EncodeRows, Uint8Array>(pool, 'encodeTensor', taskInputs(input, units), signal);
  try {
    for (const unit of units) {
      const end = unit.offset + unit.bytes;
      let offset = unit.offset;
      for await (const bytes of unitBytes(unit, encoded)) {
        yield { unit, offset, bytes, last: offset + bytes.length === end };
        offset += bytes.length;
      }
      if (offset !== end)
        throw new QuantscopeError('INTERNAL', `${unit.name}: wrote up to byte ${offset}, planned ${end}`);
    }
  } finally {
    await encoded.return();
  }
}

async function* unitBytes(
  { source, paddingBytes }: ExportUnit,
  encoded: AsyncGenerator<Uint8Array, void, undefined>,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (source instanceof Uint8Array) yield source;
  else
    for (const _ of source.chunks) {
      const next = await encoded.next();
      if (next.done === true) return;
      yield next.value;
    }
  if (paddingBytes > 0) yield new Uint8Array(paddingBytes);
}

function* taskInputs(input: EncodeInput, units: readonly ExportUnit[]): Generator<EncodeRows> {
  for (const { source } of units) if (!(source instanceof Uint8Array)) yield* rowInputs(input, source);
}

function* rowInputs({ checkpoint, importance }: EncodeInput, wanted: UnitRows): Generator<EncodeRows> {
  const { name } = tensorAt(checkpoint, wanted.tensor);
  const source = tensorSource(checkpoint, wanted.tensor);
  const { columns, steps } = wanted;
  const all = importance?.columns(wanted.tensor);
  const headRows = headRowsOf(wanted);
  for (const { firstRow, rows } of wanted.chunks) {
    const weights = rowWeights(all, wanted, firstRow, rows);
    yield { name, source, columns, firstRow, rows, steps, headRows, importance: weights };
  }
}
