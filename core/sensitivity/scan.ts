// Scans a checkpoint for the data-free damage of every type: tensors × types over the pool, resumed from the cache.

import { throwIfCancelled } from '../base/cancellation.ts';
import { type Checkpoint, matrixShape, type TensorInfo } from '../checkpoint/checkpoint.ts';
import { tensorSource } from '../checkpoint/tensorSource.ts';
import { checkUnchanged } from '../io/fileIdentity.ts';
import type { Pool } from '../kernels/pool.ts';
import type { Provenance, SensitivityRow } from '../protocol/objects.ts';
import { GGUF_TARGETS, type GgufTarget, isGgufTarget, isQuantizable } from '../quant/ggufTypes.ts';
import type { Importance } from '../quant/importance.ts';
import { rowWeights } from '../quant/rowWeights.ts';
import { openErrorCache } from './cache.ts';
import { damagesOf, relativeError, typesToMeasure } from './damage.ts';
import { sampleRows } from './rowSample.ts';
import type { WeightErrorInput, WeightErrorOutput } from './weightErrorTask.ts';

/** Some seconds per tensor and thread: K-quant searches run at tens of millions of elements a second. */
export const DEFAULT_MAX_ELEMENTS = 4 * 1024 * 1024;
/** Above this, the types of one tensor are shared out to all threads, so that the first row is there soon. */
const SPLIT_ELEMENTS = 1 << 18;
/** The cache is saved this often, so that a kill loses little. */
const SAVE_INTERVAL_MS = 5000;
/** Slow searches first, so that shares of types dealt out in this order take about as long as each other. */
const SLOWEST_FIRST: readonly GgufTarget[] = [
  'IQ4_XS',
  'IQ4_NL',
  'Q5_K',
  'Q4_K',
  'Q2_K',
  'Q3_K',
  'Q6_K',
  'Q5_1',
  'Q5_0',
  'Q4_1',
  'Q4_0',
  'Q8_0',
  'F16',
  'BF16',
  'F32',
];

export interface ScanOptions {
  /** Types asked for; all exportable ones by default. Rows hold one damage per type, in this order. */
  readonly types?: readonly GgufTarget[] | undefined;
  /** Larger tensors are estimated from evenly spaced rows; Infinity measures every element. */
  readonly maxElementsPerTensor?: number | undefined;
  /** Weighs columns, in the quantizers and in the error; plain squares where a tensor has none. */
  readonly importance?: Importance | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Receives each tensor once, cached ones first. */
  readonly onRow: (row: SensitivityRow) => void;
  /** done and total in elements × types. */
  readonly onProgress?: ((done: number, total: number, message: string) => void) | undefined;
  /** False neither reads nor writes results on disk. */
  readonly cache?: boolean | undefined;
}

export interface ScanResult {
  readonly tensors: number;
  /** How many of them came from the cache. */
  readonly cached: number;
  readonly provenance: Provenance;
}

/**
 * One row per quantizable tensor. Values do not depend on threads or order; the order of rows does.
 *
 * @throws CANCELLED at once when `signal` aborts; FILE_CHANGED, FILE_TRUNCATED, FILE_UNREADABLE, FILE_NOT_FOUND
 */
export async function scanSensitivity(
  checkpoint: Checkpoint,
  pool: Pool,
  { types = GGUF_TARGETS, maxElementsPerTensor, importance, signal, onRow, onProgress, cache = true }: ScanOptions,
): Promise<ScanResult> {
  const maxElements = maxElementsPerTensor ?? DEFAULT_MAX_ELEMENTS;
  const tensors = checkpoint.tensors.filter(isQuantizable);
  const settings = importance === undefined ? `${maxElements}` : `${maxElements}-${importance.id}`;
  const stored = await openErrorCache(cache ? `${checkpoint.fingerprint}-${settings}` : null);
  throwIfCancelled(signal, 'sensitivity');
  const report = (tensor: TensorInfo, errors: ReadonlyMap<GgufTarget, number>): void => {
    const row: SensitivityRow = { tensor: tensor.index, damages: damagesOf(tensor, types, errors) };
    const sample = sampleOf(tensor, maxElements);
    onRow(sample.rows < sample.of ? { ...row, sample } : row);
  };
  const missingOf = (tensor: TensorInfo): GgufTarget[] => {
    const known = stored.get(tensor.index);
    return typesToMeasure(tensor, types).filter((type) => known?.has(type) !== true);
  };
  const waiting: TensorInfo[] = [];
  for (const tensor of tensors) {
    const known = stored.get(tensor.index);
    if (known !== undefined && missingOf(tensor).length === 0) report(tensor, known);
    else waiting.push(tensor);
  }
  const cached = tensors.length - waiting.length;
  const total = waiting.reduce((sum, tensor) => sum + workOf(tensor, missingOf(tensor), maxElements), 0);
  let done = 0;
  let savedAt = performance.now();
  const save = async (): Promise<void> => {
    savedAt = performance.now();
    await checkUnchanged(checkpoint.files);
    await stored.save();
  };
  const next = waiting.values();
  const failed = new AbortController();
  const stop = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]);
  const lane = async (): Promise<void> => {
    for (const tensor of next) {
      const source = sampleTask(checkpoint, tensor, maxElements, importance);
      const errors = await measure(tensor, source, pool, missingOf(tensor), stop, (elements) => {
        done += elements;
        onProgress?.(Math.min(done, total), total, tensor.name);
      });
      throwIfCancelled(stop, 'sensitivity');
      stored.set(tensor.index, errors);
      report(tensor, stored.get(tensor.index) ?? errors);
      if (performance.now() - savedAt > SAVE_INTERVAL_MS) await save();
    }
  };
  try {
    // One tensor more than threads: workers never wait, and other tasks (tiles, profiles) need not wait long.
    await Promise.all(Array.from({ length: pool.threads + 1 }, lane));
  } catch (error) {
    failed.abort(); // the other lanes
    await save().catch(() => undefined); // the first error is the one to tell
    throw error;
  }
  if (waiting.length > 0) await save();
  onProgress?.(total, total, checkpoint.name);
  return {
    tensors: tensors.length,
    cached,
    provenance: provenance(checkpoint, tensors, maxElements, stored.at, importance),
  };
}

type Sampled = Omit<WeightErrorInput, 'types'>;

function sampleTask(
  checkpoint: Checkpoint,
  tensor: TensorInfo,
  maxElements: number,
  importance: Importance | undefined,
): Sampled {
  const { rows, columns } = matrixShape(tensor);
  const weights = rowWeights(importance?.columns(tensor.index), { rows, columns }, 0, rows);
  const sample = sampleRows(tensor.dtype, rows, columns, maxElements);
  // Rows read together have weights together.
  const apart = weights !== undefined && weights.matrixRows % sample.groupRows === 0;
  return { ...(apart ? { importance: weights } : {}), source: tensorSource(checkpoint, tensor.index), sample };
}

async function measure(
  tensor: TensorInfo,
  sampled: Sampled,
  pool: Pool,
  wanted: readonly GgufTarget[],
  signal: AbortSignal | undefined,
  onElements: (elements: number) => void,
): Promise<Map<GgufTarget, number>> {
  const { sample, source } = sampled;
  const elements = sample.taken * sample.groupRows * source.columns;
  const errors = new Map<GgufTarget, number>();
  if (isGgufTarget(tensor.dtype)) errors.set(tensor.dtype, 0); // the exporter copies its bytes, wherever they lie
  if (wanted.length === 0) return errors;
  const shares = elements > SPLIT_ELEMENTS ? Math.min(pool.threads, wanted.length) : 1;
  const results = await Promise.all(
    deal(wanted, shares).map(async (share) => {
      const task: WeightErrorInput = { ...sampled, types: share };
      return { share, ...(await pool.run<WeightErrorOutput>('weightError', task, { signal, onProgress: onElements })) };
    }),
  );
  for (const { share, signal: power, noise } of results) {
    for (const [t, type] of share.entries()) errors.set(type, relativeError(noise[t] ?? Number.NaN, power));
    if (Number.isNaN(power) && isGgufTarget(tensor.dtype)) errors.set(tensor.dtype, Number.NaN);
  }
  return errors;
}

function deal(types: readonly GgufTarget[], shares: number): GgufTarget[][] {
  const slowest = SLOWEST_FIRST.filter((type) => types.includes(type));
  return Array.from({ length: shares }, (_, share) => slowest.filter((_type, at) => at % shares === share));
}

function sampleOf(tensor: TensorInfo, maxElements: number): { rows: number; of: number } {
  const { rows, columns } = matrixShape(tensor);
  const { taken, groupRows } = sampleRows(tensor.dtype, rows, columns, maxElements);
  return { rows: Math.min(rows, taken * groupRows), of: rows };
}

function workOf(tensor: TensorInfo, types: readonly GgufTarget[], maxElements: number): number {
  return sampleOf(tensor, maxElements).rows * matrixShape(tensor).columns * types.length;
}

function provenance(
  checkpoint: Checkpoint,
  tensors: readonly TensorInfo[],
  maxElements: number,
  at: string,
  importance: Importance | undefined,
): Provenance {
  const method =
    importance === undefined
      ? '‖W − Ŵ‖² / ‖W‖² of the weights after a round trip through each type, no calibration data'
      : `Σ E[x²]·(W − Ŵ)² / Σ E[x²]·W² after a weighted round trip through each type, importance ${importance.name} (${importance.tensors} of ${tensors.length} tensors)`;
  const samples = tensors.map((tensor) => sampleOf(tensor, maxElements)).filter(({ rows, of }) => rows < of);
  if (samples.length === 0) return { kind: 'measured', method, at, fingerprint: checkpoint.fingerprint };
  const rows = samples.reduce((sum, sample) => sum + sample.rows, 0);
  const of = samples.reduce((sum, sample) => sum + sample.of, 0);
  const estimate = `${samples.length} of ${tensors.length} tensors estimated from ${rows} of their ${of} rows, evenly spaced`;
  return { kind: 'estimated', method: `${method}; ${estimate}`, at, fingerprint: checkpoint.fingerprint };
}
