// Statistics and profiles kept between sessions, by fingerprint: segments written as the scan goes on, so that a scan
// that was stopped resumes where it was. Losing the cache, or any part of it, only costs time.

import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { type CacheFolder, openCacheFolder } from '../io/cacheFolder.ts';
import { BINS } from './figures.ts';
import type { TensorResult } from './statisticsTasks.ts';
import type { TensorProfile, TensorStatistics } from './statisticsTypes.ts';

/** Raise it whenever a figure's definition or its last digits change. */
const VERSION = 2;
/** A segment is written once so many bytes or results wait, or the scan ends. */
const SEGMENT_BYTES = 8 << 20;
const SEGMENT_RESULTS = 2048;
/** Profiles kept in memory when they cannot be written. */
const MEMORY_BYTES = 64 << 20;
/** tensor, place of the profile in its segment, rows and columns of the profile, then the 18 figures. */
const ROW_NUMBERS = 22;

export interface StatisticsCache {
  readonly rows: ReadonlyMap<number, TensorStatistics>;
  add(result: TensorResult): void;
  /** The profile that came with the row, or null when it is not kept any more. */
  profile(tensor: number): Promise<TensorProfile | null>;
  /** Waits until everything added is on disk (or given up). */
  flush(): Promise<void>;
}

interface Place {
  readonly segment: number;
  readonly offset: number;
  readonly rows: number;
  readonly columns: number;
}

const opened = new WeakMap<Checkpoint, Promise<StatisticsCache>>();

/** The cache of one open checkpoint; the same object for the same checkpoint. Works in memory without a usable folder. */
export function statisticsCache(checkpoint: Checkpoint): Promise<StatisticsCache> {
  let cache = opened.get(checkpoint);
  if (cache === undefined) {
    cache = openStatisticsCache(checkpoint);
    opened.set(checkpoint, cache);
  }
  return cache;
}

/** As `statisticsCache`, read from disk anew. */
export async function openStatisticsCache(checkpoint: Checkpoint): Promise<StatisticsCache> {
  const folder = await openCacheFolder('statistics').catch(() => null);
  const cache = new SegmentedCache(folder, `${checkpoint.fingerprint}-v${VERSION}`);
  await cache.load(checkpoint.tensors.length);
  return cache;
}

class SegmentedCache implements StatisticsCache {
  readonly rows = new Map<number, TensorStatistics>();
  readonly #folder: CacheFolder | null;
  readonly #key: string;
  readonly #places = new Map<number, Place>();
  /** Added and not yet on disk: profiles are answered from here. */
  readonly #pending = new Map<number, TensorResult>();
  /** The part of them no write has taken yet. */
  #unwritten: TensorResult[] = [];
  #pendingBytes = 0;
  #segments = 0;
  #writing: Promise<void> = Promise.resolve();
  #lastRead: { segment: number; bytes: Uint8Array<ArrayBuffer> } | null = null;

  constructor(folder: CacheFolder | null, key: string) {
    this.#folder = folder;
    this.#key = key;
  }

  async load(tensors: number): Promise<void> {
    for (;;) {
      const bytes = await this.#folder?.read(`${this.#key}-rows${this.#segments}`).catch(() => null);
      if (bytes === null || bytes === undefined) return;
      const count = Math.floor(bytes.length / (ROW_NUMBERS * 8));
      const numbers = new Float64Array(bytes.buffer, bytes.byteOffset, count * ROW_NUMBERS);
      for (let i = 0; i < count; i++) this.#takeRow(numbers.subarray(i * ROW_NUMBERS, (i + 1) * ROW_NUMBERS), tensors);
      this.#segments += 1;
    }
  }

  #takeRow(numbers: Float64Array, tensors: number): void {
    const [tensor = -1, offset = 0, rows = 0, columns = 0] = numbers;
    if (!Number.isInteger(tensor) || tensor < 0 || tensor >= tensors) return;
    this.rows.set(tensor, unpackFigures(numbers.subarray(4)));
    this.#places.set(tensor, { segment: this.#segments, offset, rows, columns });
  }

  add(result: TensorResult): void {
    this.rows.set(result.tensor, result.statistics);
    this.#pending.set(result.tensor, result);
    this.#pendingBytes += profileBytes(result.profile);
    if (this.#folder === null) {
      this.#forgetOldest();
      return;
    }
    this.#unwritten.push(result);
    if (this.#pendingBytes >= SEGMENT_BYTES || this.#unwritten.length >= SEGMENT_RESULTS) this.#write(this.#folder);
  }

  #forgetOldest(): void {
    for (const [tensor, { profile }] of this.#pending) {
      if (this.#pendingBytes <= MEMORY_BYTES) return;
      this.#pending.delete(tensor);
      this.#pendingBytes -= profileBytes(profile);
    }
  }

  /** Packs what waits and writes it behind what is being written; a failed write costs the next session time only. */
  #write(folder: CacheFolder): void {
    const results = this.#unwritten;
    this.#unwritten = [];
    const segment = this.#segments;
    const { rows, profiles, places } = packSegment(results, segment);
    this.#segments += 1;
    this.#pendingBytes = 0;
    this.#writing = this.#writing.then(async () => {
      try {
        // Profiles first: a row must never point at a profile that was not written.
        await folder.write(`${this.#key}-profiles${segment}`, profiles);
        await folder.write(`${this.#key}-rows${segment}`, rows);
        for (const [tensor, place] of places) this.#places.set(tensor, place);
      } catch {
        // Full disk, no permission: the results stay in use, they are just not kept.
      }
      for (const { tensor } of results) this.#pending.delete(tensor);
    });
  }

  async flush(): Promise<void> {
    if (this.#folder !== null && this.#unwritten.length > 0) this.#write(this.#folder);
    await this.#writing;
  }

  async profile(tensor: number): Promise<TensorProfile | null> {
    const waiting = this.#pending.get(tensor);
    if (waiting !== undefined) return waiting.profile;
    const place = this.#places.get(tensor);
    if (place === undefined || this.#folder === null) return null;
    if (this.#lastRead?.segment !== place.segment) {
      const bytes = await this.#folder.read(`${this.#key}-profiles${place.segment}`).catch(() => null);
      if (bytes === null) return null;
      this.#lastRead = { segment: place.segment, bytes };
    }
    return unpackProfile(this.#lastRead.bytes, place);
  }
}

function profileBytes({ rowAbsMax, columnAbsMax }: TensorProfile): number {
  return BINS * 8 + (rowAbsMax.length + columnAbsMax.length) * 8;
}

function packSegment(
  results: readonly TensorResult[],
  segment: number,
): { rows: Uint8Array; profiles: Uint8Array; places: Map<number, Place> } {
  const rows = new Float64Array(results.length * ROW_NUMBERS);
  const profiles = new Uint8Array(results.reduce((sum, { profile }) => sum + profileBytes(profile), 0));
  const places = new Map<number, Place>();
  let offset = 0;
  results.forEach(({ tensor, statistics, profile }, i) => {
    const place = { segment, offset, rows: profile.rowAbsMax.length, columns: profile.columnAbsMax.length };
    rows.set([tensor, offset, place.rows, place.columns, ...packFigures(statistics)], i * ROW_NUMBERS);
    places.set(tensor, place);
    for (const part of [
      profile.histogram,
      profile.rowAbsMax,
      profile.rowKurtosis,
      profile.columnAbsMax,
      profile.columnKurtosis,
    ]) {
      profiles.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), offset);
      offset += part.byteLength;
    }
  });
  return { rows: new Uint8Array(rows.buffer), profiles, places };
}

function unpackProfile(bytes: Uint8Array<ArrayBuffer>, { offset, rows, columns }: Place): TensorProfile | null {
  const end = offset + BINS * 8 + rows * 8 + columns * 8;
  if (!(offset >= 0 && rows >= 0 && columns >= 0 && end <= bytes.length)) return null; // shortened or foreign
  const own = bytes.slice(offset, end).buffer;
  const floats = (at: number, length: number): Float32Array<ArrayBuffer> =>
    new Float32Array(own, BINS * 8 + at * 4, length);
  return {
    histogram: new Float64Array(own, 0, BINS),
    rowAbsMax: floats(0, rows),
    rowKurtosis: floats(rows, rows),
    columnAbsMax: floats(2 * rows, columns),
    columnKurtosis: floats(2 * rows + columns, columns),
  };
}

function packFigures(s: TensorStatistics): number[] {
  return [
    s.count,
    s.min,
    s.max,
    s.mean,
    s.std,
    s.absMax,
    s.rms,
    s.kurtosis,
    s.maxToMeanRatio,
    s.outlierFraction3,
    s.outlierFraction6,
    s.zeros,
    s.nan,
    s.inf,
    ...s.layerOutlierDistribution,
  ];
}

function unpackFigures(numbers: Float64Array): TensorStatistics {
  const at = (i: number): number => numbers[i] ?? NaN;
  return {
    count: at(0),
    min: at(1),
    max: at(2),
    mean: at(3),
    std: at(4),
    absMax: at(5),
    rms: at(6),
    kurtosis: at(7),
    maxToMeanRatio: at(8),
    outlierFraction3: at(9),
    outlierFraction6: at(10),
    zeros: at(11),
    nan: at(12),
    inf: at(13),
    layerOutlierDistribution: [at(14), at(15), at(16), at(17)],
  };
}
