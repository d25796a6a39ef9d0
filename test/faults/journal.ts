// The journals of jobs under test, as far as they are good.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readLine } from '../../core/jobs/journalRecord.ts';
import type { JournalRecord } from '../../core/protocol/jobs.ts';

export type UnitRecord = Extract<JournalRecord, { type: 'unit' }>;

/** Good records from the beginning, and where each ends. */
export function readRecords(folder: string): { record: JournalRecord; end: number }[] {
  const path = join(folder, 'journal.ndjson');
  if (!existsSync(path)) return [];
  const found: { record: JournalRecord; end: number }[] = [];
  let [crc, end] = [0, 0];
  for (const line of readFileSync(path, 'utf8').split('\n').slice(0, -1)) {
    const read = readLine(line, crc);
    if (read === null) break;
    crc = read.crc;
    end += Buffer.byteLength(line) + 1;
    found.push({ record: read.record, end });
  }
  return found;
}

export function unitsIn(folder: string): UnitRecord[] {
  return readRecords(folder).flatMap(({ record }) => (record.type === 'unit' ? [record] : []));
}

export function lastOf(folder: string): JournalRecord | undefined {
  return readRecords(folder).at(-1)?.record;
}

/** Resolves once `wanted` holds, looked at every few milliseconds. @throws Error after half a minute */
export async function until(what: string, wanted: () => boolean): Promise<void> {
  const began = performance.now();
  while (!wanted()) {
    if (performance.now() - began > 30_000) throw new Error(`waited half a minute for ${what}`);
    await new Promise((done) => setTimeout(done, 2));
  }
}
