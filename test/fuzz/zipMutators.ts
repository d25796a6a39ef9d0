// Mutations of zip archives from inside: an entry's content spoiled and packed again, names and directory fields changed.

import { inflateRawSync } from 'node:zlib';
import { type FixtureArchive, type FixtureEntry, zipBytes } from '../fixtures/writeZip.ts';
import type { Dice } from './dice.ts';
import { type Bytes, MAX_INPUT_BYTES, type Mutator } from './mutation.ts';

const DIRECTORY_RECORD = 0x02014b50;
const END_RECORD = 0x06054b50;
const NAMES = ['../data.pkl', '/etc/passwd', 'archive/data.pkl', 'data/0', '', 'a'.repeat(5000), 'x\\y', '\u202e.npy'];
const NUMBERS = [0, 1, 8, 9, 12, 99, 0x7fffffff, 0xfffffffe, 0xffffffff];
const CLAIMS = ['bytes', 'compressedBytes', 'crc32', 'method', 'flags', 'headerOffset', 'disk'] as const;
const END_CLAIMS = ['disk', 'entries', 'entriesHere', 'bytes', 'offset'] as const;

/** @param mutate spoils an entry's content, by name and bytes */
export function zipMutator(mutate: (name: string, ...args: Parameters<Mutator>) => Bytes | null): Mutator {
  return (bytes, dice, context) => {
    const entries = entriesOf(bytes);
    const entry = entries[dice.below(entries.length)];
    if (entry === undefined) return null;
    const archive: FixtureArchive = {};
    if (dice.below(3) > 0) {
      const data = mutate(String(entry.name), new Uint8Array(entry.data), dice, context);
      if (data === null) return null;
      entry.data = data;
      entry.deflate = dice.oneIn(4);
    } else change(entries, entry, archive, dice);
    return zipBytes(entries, archive);
  };
}

function change(entries: FixtureEntry[], entry: FixtureEntry, archive: FixtureArchive, dice: Dice): void {
  switch (dice.below(8)) {
    case 0:
      entries.splice(entries.indexOf(entry), 1);
      return;
    case 1:
      entries.push({ ...entry });
      return;
    case 2:
      entry.name = dice.oneIn(2) ? dice.pick(NAMES) : dice.pick(entries).name;
      return;
    case 3:
      entry.localName = dice.pick(NAMES);
      return;
    case 4:
      entry.zip64 = true;
      archive.zip64 = dice.oneIn(2);
      return;
    case 5:
      archive.end = { [dice.pick(END_CLAIMS)]: dice.pick(NUMBERS) };
      return;
    case 6:
      entry.deflate = true;
      entry.claims = {
        [dice.pick(CLAIMS)]: dice.oneIn(2) ? dice.pick(NUMBERS) : entry.data.length + dice.below(5) - 2,
      };
      return;
    default:
      entry.claims = { [dice.pick(CLAIMS)]: dice.pick(NUMBERS) };
  }
}

/** A walk of its own over plain archives; nothing where it does not come through. */
function entriesOf(bytes: Bytes): FixtureEntry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const entries: FixtureEntry[] = [];
  try {
    let end = bytes.length - 22;
    while (view.getUint32(end, true) !== END_RECORD) end--;
    let at = view.getUint32(end + 16, true);
    for (let count = view.getUint16(end + 10, true); count > 0; count--) {
      if (view.getUint32(at, true) !== DIRECTORY_RECORD) return entries;
      const nameLength = view.getUint16(at + 28, true);
      const name = Buffer.from(bytes.subarray(at + 46, at + 46 + nameLength)).toString('utf8');
      const header = view.getUint32(at + 42, true);
      const begin = header + 30 + view.getUint16(header + 26, true) + view.getUint16(header + 28, true);
      const stored = bytes.slice(begin, begin + view.getUint32(at + 20, true));
      const deflated = view.getUint16(at + 10, true) === 8;
      const data = deflated ? inflateRawSync(stored, { maxOutputLength: MAX_INPUT_BYTES }) : stored;
      entries.push({ name, data: new Uint8Array(data), deflate: deflated });
      at += 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
    }
  } catch {
    // not a plain archive any more; what was found is enough
  }
  return entries;
}
