// What an export kept of its original: every tensor paired, decoded on both sides and compared.

import { type Checkpoint, matrixShape, type TensorInfo } from '../../checkpoint/checkpoint.ts';
import { tensorSource } from '../../checkpoint/tensorSource.ts';
import { orderedRuns } from '../../kernels/orderedRuns.ts';
import type { Pool } from '../../kernels/pool.ts';
import type { VerifyReport, VerifyTensor } from '../../protocol/objects.ts';
import type { Plan } from '../../protocol/plan.ts';
import { plannedTypes } from '../plannedTypes.ts';
import { rowChunks } from '../rowChunks.ts';
import type { CompareRows, RowsCompared } from './compareTensor.ts';
import { pairTensors, type TensorPair } from './pairTensors.ts';

export interface VerifyOptions {
  signal?: AbortSignal | undefined;
  /** In bytes of the original. */
  onProgress?: ((doneBytes: number, totalBytes: number, name: string) => void) | undefined;
  /** When given, a tensor stored in another type than planned makes the report not ok. */
  plan?: Plan | undefined;
}

/** ok = nothing missing, no shape differs, nothing finite became infinite or NaN. @throws FILE_TRUNCATED, CANCELLED */
export async function verifyExport(
  original: Checkpoint,
  exported: Checkpoint,
  pool: Pool,
  options: VerifyOptions = {},
): Promise<VerifyReport> {
  const { pairs, missing, extra } = pairTensors(original, exported);
  const comparable = pairs.filter(sameShape);
  const results = await comparePairs(original, exported, comparable, pool, options);
  const tensors: VerifyTensor[] = [
    ...pairs.map((pair) => row(pair, results.get(pair))),
    ...missing.map((tensor) => absent(tensor, 'missing')),
    ...extra.map((tensor) => absent(tensor, 'extra')),
  ];
  const compared = tensors.filter(({ status }) => status === 'same' || status === 'close');
  const lossy = compared.filter(({ status }) => status === 'close').map(({ sqnr }) => sqnr);
  const broken = [...results.values()].some((result) => result.broken > 0);
  const planned = options.plan === undefined ? null : plannedTypes(original, options.plan);
  const asPlanned = pairs.every(
    ({ original: { name }, exported: { dtype } }) => (planned?.get(name) ?? dtype) === dtype,
  );
  return {
    original: original.path,
    exported: exported.path,
    tensors,
    compared: compared.length,
    identical: compared.length - lossy.length,
    renamed: pairs.filter((pair) => pair.original.name !== pair.exported.name).length,
    missing: missing.map(({ name }) => name),
    extra: extra.map(({ name }) => name),
    worstSqnr: lossy.reduce((worst, value) => Math.min(worst, value), Number.POSITIVE_INFINITY),
    meanSqnr:
      lossy.length === 0 ? Number.POSITIVE_INFINITY : lossy.reduce((sum, value) => sum + value, 0) / lossy.length,
    ok: missing.length === 0 && comparable.length === pairs.length && !broken && asPlanned,
  };
}

async function comparePairs(
  original: Checkpoint,
  exported: Checkpoint,
  pairs: readonly TensorPair[],
  pool: Pool,
  { signal, onProgress }: VerifyOptions,
): Promise<Map<TensorPair, RowsCompared>> {
  const totals = new Map(pairs.map((pair) => [pair, { noise: 0, signal: 0, maxError: 0, broken: 0, different: 0 }]));
  const totalBytes = pairs.reduce((sum, pair) => sum + pair.original.bytes, 0);
  const queue = pairs.flatMap((pair) => [...chunks(original, exported, pair)].map((input) => ({ pair, input })));
  const inputs = queue.map(({ input }) => input);
  let at = 0;
  let doneBytes = 0;
  for await (const part of orderedRuns<CompareRows, RowsCompared>(pool, 'compareTensor', inputs, signal)) {
    const { pair, input } = queue[at++] ?? {};
    const total = pair === undefined ? undefined : totals.get(pair);
    if (pair === undefined || input === undefined || total === undefined) break;
    total.noise += part.noise;
    total.signal += part.signal;
    total.maxError = Math.max(total.maxError, part.maxError);
    total.broken += part.broken;
    total.different += part.different;
    doneBytes += (pair.original.bytes / Math.max(1, pair.original.elements)) * input.rows * input.columns;
    onProgress?.(Math.round(doneBytes), totalBytes, pair.original.name);
  }
  return totals;
}

function* chunks(original: Checkpoint, exported: Checkpoint, pair: TensorPair): Generator<CompareRows> {
  const { permutedHeads } = pair;
  const single = permutedHeads > 0 && pair.original.shape.length === 1;
  const { rows, columns } = single ? { rows: pair.original.elements, columns: 1 } : matrixShape(pair.original);
  const headRows = permutedHeads === 0 ? 0 : rows / permutedHeads;
  // The Hugging Face side is the one to reorder.
  const side = (checkpoint: Checkpoint, tensor: TensorInfo) => ({
    source: tensorSource(checkpoint, tensor.index),
    headRows: checkpoint.format === 'gguf' ? 0 : headRows,
  });
  for (const chunk of rowChunks(rows, columns, headRows)) {
    yield {
      name: pair.original.name,
      original: side(original, pair.original),
      exported: side(exported, pair.exported),
      columns,
      ...chunk,
    };
  }
}

function row({ original, exported }: TensorPair, result: RowsCompared | undefined): VerifyTensor {
  const names = { name: original.name, exportedName: exported.name };
  const dtypes = { originalDtype: original.dtype, exportedDtype: exported.dtype };
  if (result === undefined) return { ...names, ...dtypes, status: 'shape', sqnr: Number.NaN, maxError: Number.NaN };
  const status = result.different === 0 ? 'same' : 'close';
  const maxError = result.broken > 0 ? Number.POSITIVE_INFINITY : result.maxError;
  return { ...names, ...dtypes, status, sqnr: sqnr(result), maxError };
}

/** dB; infinite where nothing was lost. */
function sqnr({ noise, signal, broken }: RowsCompared): number {
  if (broken > 0) return Number.NEGATIVE_INFINITY;
  return noise === 0 ? Number.POSITIVE_INFINITY : 10 * Math.log10(signal / noise);
}

function absent(tensor: TensorInfo, status: 'missing' | 'extra'): VerifyTensor {
  const here = { sqnr: Number.NaN, maxError: Number.NaN, status };
  return status === 'missing'
    ? { ...here, name: tensor.name, exportedName: '', originalDtype: tensor.dtype, exportedDtype: null }
    : { ...here, name: '', exportedName: tensor.name, originalDtype: null, exportedDtype: tensor.dtype };
}

/** GGUF writers may drop or add leading dimensions of one. */
function sameShape({ original, exported }: TensorPair): boolean {
  const trimmed = ({ shape }: TensorInfo): string => shape.join('x').replace(/^(1x)+/, '');
  return trimmed(original) === trimmed(exported);
}
