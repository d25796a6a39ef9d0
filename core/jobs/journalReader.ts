// Reads a journal from its beginning, then what was appended since; stops where it is damaged.

import { MAX_JOURNAL_BYTES, MAX_JOURNAL_LINE_BYTES } from '../base/limits.ts';
import { pathExists } from '../io/folder.ts';
import { type KeptFile, openGrowingFile } from '../io/keptFile.ts';
import type { JournalRecord } from '../protocol/jobs.ts';
import { readLine } from './journalRecord.ts';

const BLOCK_BYTES = 1 << 20;
const NEWLINE = 0x0a;

export interface JournalPart {
  /** The journal was cut since the last look: everything read before is to be forgotten. */
  readonly restarted: boolean;
  readonly records: readonly JournalRecord[];
  /** Bytes after the last good record: being written just now, or damaged. */
  readonly damagedBytes: number;
}

/** Where the good part ends, and what a record appended there continues. */
export interface JournalEnd {
  readonly bytes: number;
  readonly crc: number;
  readonly seq: number;
}

const START: JournalEnd = { bytes: 0, crc: 0, seq: 0 };

export class JournalReader {
  readonly #path: string;
  #end = START;
  #size = 0;

  constructor(path: string) {
    this.#path = path;
  }

  get end(): JournalEnd {
    return this.#end;
  }

  /** A journal that is not there yet reads as empty. @throws FILE_UNREADABLE */
  async advance(): Promise<JournalPart> {
    if (!(await pathExists(this.#path))) return this.#restart({ records: [], damagedBytes: 0 });
    await using file = await openGrowingFile(this.#path);
    const size = Math.min(await file.sizeBytes(), MAX_JOURNAL_BYTES);
    const changed = size !== this.#size;
    this.#size = size;
    const more = await this.#read(file, size);
    // What follows does not continue what was read: the journal may have been cut and written on.
    if (more.damagedBytes === 0 || this.#end.bytes === 0 || !changed) return { restarted: false, ...more };
    const before = this.#end;
    this.#end = START;
    const again = await this.#read(file, size);
    if (this.#end.bytes === before.bytes && this.#end.crc === before.crc) return { restarted: false, ...more };
    return { restarted: true, ...again };
  }

  #restart(part: Omit<JournalPart, 'restarted'>): JournalPart {
    const restarted = this.#end.bytes > 0;
    this.#end = START;
    return { restarted, ...part };
  }

  async #read(file: Pick<KeptFile, 'read'>, size: number): Promise<{ records: JournalRecord[]; damagedBytes: number }> {
    const records: JournalRecord[] = [];
    while (this.#end.bytes < size) {
      const block = await file.read(this.#end.bytes, Math.min(BLOCK_BYTES, size - this.#end.bytes));
      if (!this.#readBlock(block, records)) break;
    }
    return { records, damagedBytes: Math.abs(size - this.#end.bytes) };
  }

  /** @returns false when no whole good line begins where the last one ended */
  #readBlock(block: Uint8Array, records: JournalRecord[]): boolean {
    let begin = 0;
    for (;;) {
      const end = block.indexOf(NEWLINE, begin);
      if (end < 0 || end - begin > MAX_JOURNAL_LINE_BYTES) return begin > 0;
      const line = Buffer.from(block.buffer, block.byteOffset + begin, end - begin).toString('utf8');
      const read = readLine(line, this.#end.crc);
      if (read === null || read.record.seq !== this.#end.seq) return false;
      records.push(read.record);
      this.#end = { bytes: this.#end.bytes + end + 1 - begin, crc: read.crc, seq: this.#end.seq + 1 };
      begin = end + 1;
    }
  }
}
