// Statistics of many tensors over the pool: small ones in batches, large ones in parts, few enough in flight to stop fast.

import { throwIfCancelled } from '../base/cancellation.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { tensorAt, tensorSource } from '../checkpoint/tensorSource.ts';
import { canDecode } from '../kernels/decode.ts';
import type { Pool } from '../kernels/pool.ts';
import { statisticsCache } from './cache.ts';
import type { Beyond } from './figures.ts';
import type { FirstPart } from './firstPass.ts';
import { layoutOf } from './layout.ts';
import { Merge } from './mergeParts.ts';
import type { StatisticsItem, TensorResult } from './statisticsTasks.ts';
import type { TensorStatistics } from './statisticsTypes.ts';

/** A batch is a few milliseconds of work and a bounded reply. */
const BATCH_BYTES = 8 << 20;
const BATCH_TENSORS = 64;
/** What is computed first, so that a view has something to draw at once. */
const OPENING_TENSORS = 16;
const OPENING_BYTES = 256 << 10;

export interface ScanOptions {
  /** Tensor indices; all when left out. Complex tensors are passed over. */
  tensors?: readonly number[] | undefined;
  signal?: AbortSignal | undefined;
  onResult(result: TensorResult): void;
  onProgress?: ((doneBytes: number, totalBytes: number, name: string) => void) | undefined;
}

export interface StatisticsOptions extends Omit<ScanOptions, 'onResult'> {
  onRow(tensor: number, statistics: TensorStatistics): void;
}

/**
 * Statistics of every wanted tensor: what the cache has at once, the rest as it is computed (and kept for next time).
 * @returns how many rows were given, and how many of them came from the cache
 * @throws CANCELLED, TENSOR_NOT_FOUND, FILE_TRUNCATED; what was finished before stays in the cache
 */
export async function scanStatistics(
  checkpoint: Checkpoint,
  pool: Pool,
  options: StatisticsOptions,
): Promise<{ tensors: number; cached: number }> {
  const cache = await statisticsCache(checkpoint);
  const wanted = options.tensors ?? checkpoint.tensors.map((tensor) => tensor.index);
  const missing: number[] = [];
  let cached = 0;
  for (const tensor of wanted) {
    const statistics = cache.rows.get(tensor);
    if (statistics === undefined) missing.push(tensor);
    else {
      options.onRow(tensor, statistics);
      cached += 1;
    }
  }
  let computed = 0;
  try {
    await scanTensors(checkpoint, pool, {
      tensors: missing,
      signal: options.signal,
      onProgress: options.onProgress,
      onResult(result) {
        computed += 1;
        cache.add(result);
        options.onRow(result.tensor, result.statistics);
      },
    });
  } finally {
    await cache.flush();
  }
  return { tensors: cached + computed, cached };
}

/** One step for a worker, and what to do with its answer on this thread. */
type Unit = (signal: AbortSignal | undefined) => Promise<void>;

/**
 * Computes every wanted tensor afresh. The same tensor gives the same bytes with any number of threads.
 * @throws CANCELLED within one chunk's work, TENSOR_NOT_FOUND, FILE_TRUNCATED
 */
export async function scanTensors(checkpoint: Checkpoint, pool: Pool, options: ScanOptions): Promise<void> {
  const wanted = options.tensors ?? checkpoint.tensors.map((tensor) => tensor.index);
  const items = wanted
    .filter((tensor) => canDecode(tensorAt(checkpoint, tensor).dtype))
    .map((tensor) => ({ tensor, source: tensorSource(checkpoint, tensor) }));
  const bytesOf = ({ tensor }: StatisticsItem): number => tensorAt(checkpoint, tensor).bytes;
  const totalBytes = items.reduce((sum, item) => sum + bytesOf(item), 0);
  let doneBytes = 0;
  const progress = (bytes: number, item: StatisticsItem): void => {
    doneBytes += bytes;
    options.onProgress?.(doneBytes, totalBytes, tensorAt(checkpoint, item.tensor).name);
  };

  const urgent: Unit[] = [];
  const batchUnit =
    (batch: StatisticsItem[]): Unit =>
    async (signal) => {
      const results = await pool.run<TensorResult[]>('statistics', { items: batch }, { signal });
      for (const result of results) options.onResult(result);
      const last = batch.at(-1);
      if (last !== undefined)
        progress(
          batch.reduce((sum, item) => sum + bytesOf(item), 0),
          last,
        );
    };
  const units = batches(items, bytesOf, (item) => {
    urgent.push(...partUnits(pool, item, urgent, options.onResult, (share) => progress(share * bytesOf(item), item)));
  });

  // One more than threads, so that none waits for this thread between two units.
  await runUnits(pool.threads + 1, options.signal, () => urgent.shift() ?? nextUnit(units, urgent, batchUnit));
}

/** Runs units until `next` has none and none is running; a running unit may make more. The first failure stops all. */
async function runUnits(runners: number, signal: AbortSignal | undefined, next: () => Unit | null): Promise<void> {
  const stop = new AbortController();
  const abort = (): void => stop.abort();
  signal?.addEventListener('abort', abort, { once: true });
  if (signal?.aborted) stop.abort();
  let running = 0;
  let wake: (() => void)[] = [];
  const runner = async (): Promise<void> => {
    for (;;) {
      throwIfCancelled(stop.signal, 'statistics');
      const unit = next();
      if (unit === null) {
        if (running === 0) return;
        await new Promise<void>((resolve) => wake.push(resolve));
        continue;
      }
      running += 1;
      try {
        await unit(stop.signal);
      } finally {
        running -= 1;
        for (const resolve of wake) resolve();
        wake = [];
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: runners }, runner));
  } catch (error) {
    stop.abort();
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

function nextUnit(
  units: Iterator<StatisticsItem[] | null>,
  urgent: Unit[],
  batchUnit: (batch: StatisticsItem[]) => Unit,
): Unit | null {
  for (;;) {
    const { value, done } = units.next();
    if (done) return null;
    const unit = value === null ? urgent.shift() : batchUnit(value);
    if (unit !== undefined) return unit;
  }
}

/** Batches in file order after a small opening; null stands for a large tensor handed to `large`. */
function* batches(
  items: readonly StatisticsItem[],
  bytesOf: (item: StatisticsItem) => number,
  large: (item: StatisticsItem) => void,
): Generator<StatisticsItem[] | null> {
  const opening = new Set(items.filter((item) => bytesOf(item) <= OPENING_BYTES).slice(0, OPENING_TENSORS));
  for (const item of opening) yield [item];
  let batch: StatisticsItem[] = [];
  let bytes = 0;
  for (const item of items) {
    if (opening.has(item)) continue;
    if (layoutOf(item.source).parts.length > 1) {
      large(item);
      yield null;
      continue;
    }
    if (batch.length > 0 && (bytes + bytesOf(item) > BATCH_BYTES || batch.length === BATCH_TENSORS)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(item);
    bytes += bytesOf(item);
  }
  if (batch.length > 0) yield batch;
}

/** A large tensor: first passes, then (unless patterns were counted) second looks, then its result. */
function partUnits(
  pool: Pool,
  { tensor, source }: StatisticsItem,
  urgent: Unit[],
  onResult: (result: TensorResult) => void,
  progress: (share: number) => void,
): Unit[] {
  const layout = layoutOf(source);
  const merge = new Merge(source, layout);
  const count = layout.parts.length;
  const looks = layout.patterns > 0 ? 0 : count;
  const share = 1 / (count + looks);
  let [passed, looked] = [0, 0];
  const finish = (): void => onResult({ tensor, ...merge.finish() });
  const lookUnit =
    (part: number): Unit =>
    async (signal) => {
      const limits = merge.limits();
      merge.addLook(await pool.run<Beyond>('statisticsLook', { source, part, limits }, { signal }));
      looked += 1;
      progress(share);
      if (looked === looks) finish();
    };
  return layout.parts.map((_, part) => async (signal) => {
    merge.add(part, await pool.run<FirstPart>('statisticsPart', { source, part }, { signal }));
    passed += 1;
    progress(share);
    if (passed < count) return;
    if (looks === 0) finish();
    else urgent.unshift(...layout.parts.map((_, i) => lookUnit(i)));
  });
}
