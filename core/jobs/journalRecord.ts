// One line of the journal: a JSON object that ends with a checksum of itself and of everything before it.
//
//   {"seq":7,"at":"…","ms":…,"type":"unit",…,"crc":"1f0c93aa"}
//
// The CRC-32 of the line without its `crc` member continues the one of the line before: a line that was cut off,
// changed, moved or left out ends the journal there.

import { crc32 } from 'node:zlib';
import { spellFigures } from '../protocol/figures.ts';
import { type JournalRecord, zJournalRecord } from '../protocol/jobs.ts';

const ENDING = /^,"crc":"([0-9a-f]{8})"\}$/;
const ENDING_LENGTH = ',"crc":"00000000"}'.length;

export interface ChainedLine {
  /** Without its newline. */
  readonly line: string;
  /** What the next line's checksum starts from. */
  readonly crc: number;
}

/** @param previous `crc` of the line before; 0 for the first */
export function writeLine(record: JournalRecord, previous: number): ChainedLine {
  const text = JSON.stringify(spellFigures(record));
  const crc = crc32(text, previous);
  return { line: `${text.slice(0, -1)},"crc":"${hex32(crc)}"}`, crc };
}

/** @returns null for anything that is not, to the bit, what was written after `previous` */
export function readLine(line: string, previous: number): { record: JournalRecord; crc: number } | null {
  const [, told] = ENDING.exec(line.slice(-ENDING_LENGTH)) ?? [];
  const text = `${line.slice(0, -ENDING_LENGTH)}}`;
  const crc = crc32(text, previous);
  if (told !== hex32(crc)) return null;
  const parsed = zJournalRecord.safeParse(parsedJson(text));
  return parsed.success ? { record: parsed.data, crc } : null;
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

export function hex32(value: number): string {
  return value.toString(16).padStart(8, '0');
}
