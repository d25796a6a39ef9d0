// What a journal's records come to: units written, attempts, and how the last one ended.

import type { JournalRecord } from '../protocol/jobs.ts';
import { JournalReader } from './journalReader.ts';

type RecordOf<T extends JournalRecord['type']> = Extract<JournalRecord, { type: T }>;
export type UnitRecord = RecordOf<'unit'>;
/** How an attempt ended; one that was killed has none. */
export type Outcome = RecordOf<'succeeded' | 'written' | 'failed' | 'cancelled' | 'paused'>;

export class JournalSummary {
  /** Of job.json, when the job was made. */
  sha256: string | null = null;
  /** By index; the latest record of each. */
  readonly units = new Map<number, UnitRecord>();
  started: RecordOf<'started'> | null = null;
  prepared: RecordOf<'prepared'> | null = null;
  outcome: Outcome | null = null;
  changedAt: string | null = null;

  add(record: JournalRecord): void {
    this.changedAt = record.at;
    switch (record.type) {
      case 'created':
        this.sha256 = record.sha256;
        return;
      case 'started':
        this.started = record;
        this.outcome = null;
        return;
      case 'prepared':
        this.prepared = record;
        if (record.fresh) this.units.clear();
        return;
      case 'unit':
        this.units.set(record.unit, record);
        return;
      case 'note':
        return;
      default:
        this.outcome = record;
        // Nobody knows which units were read before the change.
        if (record.type === 'failed' && record.code === 'FILE_CHANGED') this.units.clear();
    }
  }
}

/** Of a whole journal, read once. @throws FILE_UNREADABLE */
export async function summaryOf(path: string): Promise<JournalSummary> {
  const summary = new JournalSummary();
  for (const record of (await new JournalReader(path).advance()).records) summary.add(record);
  return summary;
}
