// Turns units into bytes: workers encode chunks of rows ahead, bytes come out in file order.

import { QuantscopeError } from '../base/errors.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { tensorAt, tensorSource } from '../checkpoint/tensorSource.ts';
import { orderedRuns } from '../kernels/orderedRuns.ts';
import type { Pool } from '../kernels/pool.ts';
import type { Importance } from '../quant/importance.ts';
import type { Rounding } from '../quant/rounding/rounding.ts';
import { type RowWeights, rowWeights } from '../quant/rowWeights.ts';
import { dtypeInfo } from '../tensor/dtype.ts';
import { type EncodeRows, isCopy } from './encodeTensor.ts';
import type { RowChunk } from './rowChunks.ts';
import type { RowEncoder } from './rowEncoder.ts';
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
  /** Finished blocks that take the place of the checkpoint's tensors. */
  readonly rounding?: Rounding | undefined;
  /** Quantizes what it can; the workers read for it, and do the rest. */
  readonly rowEncoder?: RowEncoder | undefined;
}

/** @throws NON_FINITE, FILE_TRUNCATED, CANCELLED */
export async function* encodeUnits(
  input: EncodeInput,
  units: readonly ExportUnit[],
  pool: Pool,
  signal: AbortSignal | undefined,
): AsyncGenerator<UnitPiece, void, undefined> {
  const encoded = orderedRuns<EncodeRows, Uint8Array | Float32Array>(
    pool,
    'encodeTensor',
    taskInputs(input, units),
    signal,
  );
  try {
    for (const unit of units) {
      const end = unit.offset + unit.bytes;
      let offset = unit.offset;
      for await (const bytes of unitBytes(unit, encoded, input)) {
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
  encoded: AsyncGenerator<Uint8Array | Float32Array, void, undefined>,
  input: EncodeInput,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (source instanceof Uint8Array) yield source;
  else
    for (const chunk of source.chunks) {
      const next = await encoded.next();
      if (next.done === true) return;
      const [type] = source.steps;
      if (next.value instanceof Uint8Array) yield next.value;
      else if (input.rowEncoder !== undefined && type !== undefined) {
        const weights = chunkWeights(input, source, chunk)?.values ?? null;
        yield await input.rowEncoder.encode(type, next.value, source.columns, weights);
      }
    }
  if (paddingBytes > 0) yield new Uint8Array(paddingBytes);
}

function* taskInputs(input: EncodeInput, units: readonly ExportUnit[]): Generator<EncodeRows> {
  for (const { source } of units) if (!(source instanceof Uint8Array)) yield* rowInputs(input, source);
}

function* rowInputs(input: EncodeInput, wanted: UnitRows): Generator<EncodeRows> {
  const { checkpoint, rowEncoder, rounding } = input;
  const { name } = tensorAt(checkpoint, wanted.tensor);
  const rounded = rounding?.source(wanted.tensor) ?? null;
  const source = rounded ?? tensorSource(checkpoint, wanted.tensor);
  const { columns } = wanted;
  // Finished blocks are of the first step's type: they are copied, or decoded for the step after it.
  const steps = rounded === null || wanted.steps.length === 1 ? wanted.steps : wanted.steps.slice(1);
  const headRows = headRowsOf(wanted);
  const [type, ...more] = steps;
  const single = type !== undefined && more.length === 0 && dtypeInfo(type).kind === 'block';
  for (const chunk of wanted.chunks) {
    const { firstRow, rows } = chunk;
    const weights = chunkWeights(input, wanted, chunk);
    // Rows of several experts have weights of their own each: the workers' part.
    const shared = weights === undefined || weights.values.length === columns;
    const takes = single && shared && rowEncoder?.takes(type) === true;
    const valuesOnly = takes && !isCopy({ steps, source });
    yield { name, source, columns, firstRow, rows, steps, headRows, importance: weights, valuesOnly };
  }
}

function chunkWeights(
  { importance }: EncodeInput,
  unit: UnitRows,
  { firstRow, rows }: RowChunk,
): RowWeights | undefined {
  return rowWeights(importance?.columns(unit.tensor), unit, firstRow, rows);
}
