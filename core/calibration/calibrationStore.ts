// Calibrations on disk: the one in use for every model, its importance, and the statistics measured so far.

import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import * as z from 'zod';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { type CacheFolder, openCacheFolder } from '../io/cacheFolder.ts';
import { zCalibration } from '../protocol/calibration.ts';
import type { ActivationStatistics } from './activationStatistics.ts';
import { readLarge, writeLarge } from './largeEntry.ts';
import { readStatistics, statisticsBytes } from './statisticsBytes.ts';

const zRecord = zCalibration.omit({ stale: true }).extend({
  fingerprint: z.string(),
  /** Calls of the network an imported matrix was summed over; null where its file does not say. */
  chunks: z.int().nullable(),
});

/** A calibration as it is kept. */
export type CalibrationRecord = z.infer<typeof zRecord>;

/** Losing any of it costs a run; what cannot be written is done without. */
export class CalibrationStore {
  readonly #folder: CacheFolder | null;

  private constructor(folder: CacheFolder | null) {
    this.#folder = folder;
  }

  static async open(): Promise<CalibrationStore> {
    return new CalibrationStore(await openCacheFolder('calibration').catch(() => null));
  }

  /** The calibration of this very file; else the one of whatever was under its path before. */
  async current(checkpoint: Checkpoint): Promise<CalibrationRecord | null> {
    for (const key of keysOf(checkpoint)) {
      const record = await this.#record(key);
      if (record !== null) return record;
    }
    return null;
  }

  /** The record of a run that was finished before. */
  finished(id: string): Promise<CalibrationRecord | null> {
    return this.#record(`run-${id}`);
  }

  async setCurrent(checkpoint: Checkpoint, record: CalibrationRecord): Promise<void> {
    const bytes = new TextEncoder().encode(JSON.stringify(record));
    for (const key of [`run-${record.id}`, ...keysOf(checkpoint)])
      await this.#folder?.write(key, bytes).catch(() => undefined);
  }

  async columns(id: string): Promise<Map<number, Float32Array> | null> {
    const bytes = this.#folder === null ? null : await readLarge(this.#folder, `${id}-columns`);
    return bytes === null ? null : readColumns(bytes);
  }

  async saveColumns(id: string, columns: ReadonlyMap<number, Float32Array>): Promise<void> {
    if (this.#folder !== null)
      await writeLarge(this.#folder, `${id}-columns`, columnsBytes(columns)).catch(() => undefined);
  }

  /** What was measured up to the last save; complete when it has all sequences. @param name the model's */
  async statistics(id: string, name: string): Promise<ActivationStatistics | null> {
    const bytes = this.#folder === null ? null : await readLarge(this.#folder, `${id}-statistics`);
    return bytes === null ? null : readStatistics(name, bytes);
  }

  async saveStatistics(id: string, statistics: ActivationStatistics): Promise<void> {
    if (this.#folder !== null)
      await writeLarge(this.#folder, `${id}-statistics`, statisticsBytes(statistics)).catch(() => undefined);
  }

  async #record(key: string): Promise<CalibrationRecord | null> {
    try {
      const bytes = (await this.#folder?.read(key)) ?? null;
      return bytes === null ? null : zRecord.parse(JSON.parse(new TextDecoder().decode(bytes)));
    } catch {
      return null; // whatever is wrong with it: it counts as none
    }
  }
}

function keysOf({ fingerprint, path }: Checkpoint): string[] {
  const hash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 32);
  return [`model-${hash(fingerprint)}`, `path-${hash(resolve(path))}`];
}

const zColumns = z.array(z.object({ tensor: z.int().nonnegative(), length: z.int().nonnegative() }));

/** u32 length of the header | JSON header, padded to 4 bytes | float32 of every tensor in the header's order. */
function columnsBytes(columns: ReadonlyMap<number, Float32Array>): Uint8Array {
  const header = [...columns].map(([tensor, { length }]) => ({ tensor, length }));
  const text = new TextEncoder().encode(JSON.stringify(header));
  const start = 4 + Math.ceil(text.length / 4) * 4;
  const out = new Uint8Array(start + 4 * header.reduce((sum, { length }) => sum + length, 0));
  new DataView(out.buffer).setUint32(0, text.length, true);
  out.set(text, 4);
  let at = start;
  for (const values of columns.values()) {
    out.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at);
    at += values.byteLength;
  }
  return out;
}

function readColumns(bytes: Uint8Array<ArrayBuffer>): Map<number, Float32Array> | null {
  try {
    const length = new DataView(bytes.buffer).getUint32(0, true);
    const header = zColumns.parse(JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length))));
    let at = 4 + Math.ceil(length / 4) * 4;
    return new Map(
      header.map((entry) => {
        const values = new Float32Array(bytes.buffer, at, entry.length);
        at += 4 * entry.length;
        return [entry.tensor, values];
      }),
    );
  } catch {
    return null; // of another version
  }
}
