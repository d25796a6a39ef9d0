// The append side of a journal: cuts a damaged tail off, then adds one checked line per record.

import { QuantscopeError } from '../base/errors.ts';
import { MAX_JOURNAL_LINE_BYTES } from '../base/limits.ts';
import { openKeptFile } from '../io/keptFile.ts';
import type { JournalRecord } from '../protocol/jobs.ts';
import { type JournalEnd, JournalReader } from './journalReader.ts';
import { writeLine } from './journalRecord.ts';

type Without<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
/** A record before it gets its number and time. */
export type JournalEntry = Without<JournalRecord, 'seq' | 'at' | 'ms'>;

export interface Journal extends AsyncDisposable {
  /** What was in it when it was opened. */
  readonly records: readonly JournalRecord[];
  /** Of a damaged tail, cut off when it was opened. */
  readonly droppedBytes: number;
  /** One at a time. @throws DISK_FULL, FILE_UNREADABLE; half a line is taken back first */
  append(entry: JournalEntry): Promise<void>;
  /** Flushes to the device. */
  sync(): Promise<void>;
}

/** For the one process that may write. @throws FILE_UNREADABLE, OUTPUT_INVALID, DISK_FULL */
export async function openJournal(path: string): Promise<Journal> {
  const reader = new JournalReader(path);
  const { records, damagedBytes } = await reader.advance();
  const file = await openKeptFile(path);
  let end: JournalEnd = reader.end;
  if (damagedBytes > 0) await file.truncate(end.bytes);
  return {
    records,
    droppedBytes: damagedBytes,
    async append(entry) {
      const head = { seq: end.seq, at: new Date().toISOString(), ms: Math.round(performance.now()) };
      const { line, crc } = writeLine({ ...head, ...entry }, end.crc);
      const bytes = new TextEncoder().encode(`${line}\n`);
      if (bytes.length > MAX_JOURNAL_LINE_BYTES)
        throw new QuantscopeError('INTERNAL', `a journal record of ${bytes.length} bytes`);
      try {
        await file.writeAt(end.bytes, bytes);
      } catch (error) {
        await file.truncate(end.bytes).catch(() => undefined);
        throw error;
      }
      end = { bytes: end.bytes + bytes.length, crc, seq: end.seq + 1 };
    },
    sync: () => file.sync(),
    [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
  };
}
