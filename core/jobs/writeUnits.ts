// Units on their way into the unfinished output: written, journaled one by one, and checked when a job is resumed.

import { crc32 } from 'node:zlib';
import { throwIfCancelled } from '../base/cancellation.ts';
import { type EncodeInput, encodeUnits } from '../export/encodeUnits.ts';
import type { ExportUnit } from '../export/units.ts';
import type { KeptFile } from '../io/keptFile.ts';
import type { Pool } from '../kernels/pool.ts';
import type { Journal } from './journal.ts';
import { hex32 } from './journalRecord.ts';
import type { UnitRecord } from './journalSummary.ts';

const BLOCK_BYTES = 4 * 1024 * 1024;

export interface UnitRun {
  readonly signal: AbortSignal;
  /** In bytes of the units given. */
  readonly onProgress: (doneBytes: number, totalBytes: number, name: string) => void;
}

/** Reads back what earlier attempts journaled. @returns the units whose bytes are in the file as they were written */
export async function checkUnits(
  file: KeptFile,
  units: readonly ExportUnit[],
  records: ReadonlyMap<number, UnitRecord>,
  { signal, onProgress }: UnitRun,
): Promise<Set<number>> {
  const recorded = units.filter((unit) => matches(unit, records.get(unit.index)));
  const totalBytes = sumOf(recorded);
  const good = new Set<number>();
  let doneBytes = 0;
  for (const unit of recorded) {
    throwIfCancelled(signal, 'checking');
    if ((await crcOf(file, unit)) === records.get(unit.index)?.crc32) good.add(unit.index);
    doneBytes += unit.bytes;
    onProgress(doneBytes, totalBytes, unit.name);
  }
  return good;
}

/**
 * A unit's record follows its last byte. Whatever fails, the unfinished unit is taken back: on a full disk that is what
 * makes room for the journal to say so.
 *
 * @param keptEnd where the good part of the file ends; null in a file that others write as well, which is never cut
 * @throws NON_FINITE, DISK_FULL, FILE_TRUNCATED, CANCELLED
 */
export async function writeUnits(
  input: EncodeInput,
  units: readonly ExportUnit[],
  { file, journal, pool, keptEnd }: { file: KeptFile; journal: Journal; pool: Pool; keptEnd: number | null },
  { signal, onProgress }: UnitRun,
): Promise<void> {
  const totalBytes = sumOf(units);
  let [crc, doneBytes, goodEnd] = [0, 0, keptEnd ?? 0];
  try {
    for await (const { unit, offset, bytes, last } of encodeUnits(input, units, pool, signal)) {
      await file.writeAt(offset, bytes);
      crc = crc32(bytes, crc);
      if (last) {
        const { index, name } = unit;
        await journal.append({
          type: 'unit',
          unit: index,
          name,
          offset: unit.offset,
          bytes: unit.bytes,
          crc32: hex32(crc),
        });
        crc = 0;
        goodEnd = Math.max(goodEnd, unit.offset + unit.bytes);
      }
      doneBytes += bytes.length;
      onProgress(doneBytes, totalBytes, unit.name);
    }
  } catch (error) {
    if (keptEnd !== null) await file.truncate(goodEnd).catch(() => undefined);
    throw error;
  }
}

export function sumOf(units: readonly ExportUnit[]): number {
  return units.reduce((sum, { bytes }) => sum + bytes, 0);
}

function matches({ name, offset, bytes }: ExportUnit, record: UnitRecord | undefined): boolean {
  return record !== undefined && record.name === name && record.offset === offset && record.bytes === bytes;
}

async function crcOf(file: KeptFile, { offset, bytes }: ExportUnit): Promise<string> {
  let crc = 0;
  for (let done = 0; done < bytes; done += BLOCK_BYTES)
    crc = crc32(await file.read(offset + done, Math.min(BLOCK_BYTES, bytes - done)), crc);
  return hex32(crc);
}
