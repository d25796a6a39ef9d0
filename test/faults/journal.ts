// The journals of jobs under test, as far as they are good.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readLine } from '../../core/jobs/journalRecord.ts';
import type { JournalRecord } from '../../core/protocol/jobs.ts';

/** What takes a second may take a minute on a machine that everybody uses. */
const PATIENCE_MS = 180_000;

export type UnitRecord = Extract<JournalRecord, { type: 'unit' }>;

/** Good records from the beginning, and where each ends. */
export function readRecords(folder: string): { record: JournalRecord; end: number }[] {
  const text = readIfThere(join(folder, 'journal.ndjson'));
  const found: { record: JournalRecord; end: number }[] = [];
  let [crc, end] = [0, 0];
  for (const line of text.split('\n').slice(0, -1)) {
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

/** Not yet there, or gone between one look and the next: empty. */
function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** Resolves once `wanted` holds, looked at every few milliseconds. @throws Error after minutes */
export async function until(what: string, wanted: () => boolean): Promise<void> {
  const began = performance.now();
  while (!wanted()) {
    if (performance.now() - began > PATIENCE_MS) throw new Error(`waited in vain for ${what}`);
    await new Promise((done) => setTimeout(done, 2));
  }
}
