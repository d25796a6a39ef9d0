// The journal: what was written is read back, whatever is damaged ends it, and what follows damage is never believed.

import { appendFileSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type JournalEntry, openJournal } from '../../../core/jobs/journal.ts';
import { JournalReader } from '../../../core/jobs/journalReader.ts';
import { readLine, writeLine } from '../../../core/jobs/journalRecord.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';

const folder = temporaryFolder();
let files = 0;
const newPath = (): string => join(folder, `${files++}.ndjson`);

const unit = (index: number, name = `blk.${index}`): JournalEntry => ({
  type: 'unit',
  unit: index,
  name,
  offset: 100 * index,
  bytes: 100,
  crc32: '00000000',
});

async function write(path: string, entries: readonly JournalEntry[]): Promise<void> {
  await using journal = await openJournal(path);
  for (const entry of entries) await journal.append(entry);
}

const namesIn = async (path: string): Promise<string[]> =>
  (await new JournalReader(path).advance()).records.map((record) =>
    record.type === 'unit' ? record.name : record.type,
  );

describe('a line', () => {
  const record = {
    seq: 3,
    at: '2026-01-02T03:04:05.678Z',
    ms: 9,
    type: 'note',
    message: 'a "b"\n€ \u2028 \ud800',
  } as const;

  it('is read as it was written', () => {
    const { line, crc } = writeLine(record, 77);
    expect(line).not.toContain('\n');
    expect(readLine(line, 77)).toEqual({ record, crc });
    expect(readLine(line, 78)).toBeNull();
  });

  it('with any one bit flipped is none', () => {
    const bytes = Buffer.from(writeLine({ ...record, message: 'plain' }, 1).line);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(readLine(flipped.toString('utf8'), 1), `bit ${bit}`).toBeNull();
    }
  });

  it('of random text is none, and does not throw', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), fc.nat(), (text, crc) => readLine(text, crc) === null));
  });

  it('keeps figures JSON cannot say', () => {
    const entry = { type: 'succeeded', bytes: 1, bitsPerWeight: 4, seconds: 1, compared: 1, identical: 1 } as const;
    const figures = { worstSqnr: Number.POSITIVE_INFINITY, meanSqnr: Number.NaN };
    const { line } = writeLine({ seq: 0, at: '', ms: 0, ...entry, ...figures }, 0);
    expect(readLine(line, 0)?.record).toMatchObject(figures);
  });
});

describe('a journal', () => {
  it('goes on where it ended', async () => {
    const path = newPath();
    await write(path, [unit(0), unit(1)]);
    await write(path, [unit(2)]);
    expect(await namesIn(path)).toEqual(['blk.0', 'blk.1', 'blk.2']);
  });

  it.each([
    ['cut in a record', (path: string) => truncateSync(path, statSync(path).size - 5), 2],
    ['cut at a record', (path: string) => truncateSync(path, readFileSync(path).lastIndexOf(0x0a, -2) + 1), 2],
    ['with a record left out', (path: string) => rewrite(path, ([a, , c]) => [a, c]), 1],
    ['with two records exchanged', (path: string) => rewrite(path, ([a, b, c]) => [a, c, b]), 1],
    ['with a record twice', (path: string) => rewrite(path, ([a, b, c]) => [a, b, b, c]), 2],
    ['with an empty line', (path: string) => rewrite(path, ([a, b, c]) => [a, '', b, c]), 1],
    ['overwritten with zeros', (path: string) => writeFileSync(path, Buffer.alloc(1000)), 0],
    ['with a line that never ends', (path: string) => appendFileSync(path, 'x'.repeat(2_000_000)), 3],
  ] as const)('%s is good up to there, and is cut there before anything is added', async (_, damage, good) => {
    const path = newPath();
    await write(path, [unit(0), unit(1), unit(2)]);
    damage(path);
    const names = ['blk.0', 'blk.1', 'blk.2'].slice(0, good);
    expect(await namesIn(path)).toEqual(names);
    await write(path, [unit(9)]);
    expect(await namesIn(path)).toEqual([...names, 'blk.9']);
  });

  it('is longer than a block of reading', async () => {
    const path = newPath();
    const names = Array.from({ length: 3000 }, (_, i) => `${i} ${'n'.repeat(700)}`);
    await write(
      path,
      names.map((name, i) => unit(i, name)),
    );
    expect(await namesIn(path)).toEqual(names);
  });

  it('refuses a record nobody could read back', async () => {
    await using journal = await openJournal(newPath());
    await expect(journal.append({ type: 'note', message: 'x'.repeat(70_000) })).rejects.toMatchObject({
      code: 'INTERNAL',
    });
  });
});

describe('a reader', () => {
  it('sees what was added since', async () => {
    const path = newPath();
    const reader = new JournalReader(path);
    expect(await reader.advance()).toEqual({ restarted: false, records: [], damagedBytes: 0 });
    await write(path, [unit(0)]);
    expect((await reader.advance()).records).toHaveLength(1);
    appendFileSync(path, '{"seq":1');
    expect(await reader.advance()).toEqual({ restarted: false, records: [], damagedBytes: 8 });
    await write(path, [unit(1), unit(2)]);
    expect(await reader.advance()).toMatchObject({ restarted: false, records: [{ unit: 1 }, { unit: 2 }] });
  });

  it('begins again when the journal was cut and written on', async () => {
    const path = newPath();
    const reader = new JournalReader(path);
    await write(path, [unit(0), unit(1), unit(2)]);
    await reader.advance();
    truncateSync(path, statSync(path).size - 5);
    await write(path, [unit(7), unit(8)]);
    const part = await reader.advance();
    expect(part).toMatchObject({ restarted: true, records: [{ unit: 0 }, { unit: 1 }, { unit: 7 }, { unit: 8 }] });
  });

  it('begins again when the journal is gone', async () => {
    const path = newPath();
    const reader = new JournalReader(path);
    await write(path, [unit(0)]);
    await reader.advance();
    writeFileSync(path, '');
    expect(await reader.advance()).toMatchObject({ restarted: true, records: [] });
  });
});

function rewrite(path: string, change: (lines: string[]) => (string | undefined)[]): void {
  writeFileSync(path, `${change(readFileSync(path, 'utf8').trimEnd().split('\n')).join('\n')}\n`);
}
