// Calibration sets: sequences by seed, hash of what is run, tokens kept on disk.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { calibrationSet, tokensOf } from '../../../core/calibration/calibrationSet.ts';
import { readCalibrationText } from '../../../core/calibration/calibrationText.ts';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { openTokenizer, type TextTokenizer } from '../../../core/tokenizer/textTokenizer.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';

const SAMPLE = fileURLToPath(new URL('../../fixtures/sample-llama', import.meta.url));
const folder = temporaryFolder();
process.env.QUANTSCOPE_CACHE = join(folder, 'cache');

/** One token per character; counts how often it is asked. */
function characters(hash = 'characters'): TextTokenizer & { asked: number } {
  return {
    asked: 0,
    begin: null,
    hash,
    show: (id) => String.fromCodePoint(id),
    encode(text) {
      this.asked += 1;
      return Uint32Array.from(text, (character) => character.charCodeAt(0));
    },
  };
}

const textOf = (length: number, name = 'numbers.txt') => {
  const text = Array.from({ length }, (_, i) => String.fromCharCode(1000 + i)).join('');
  return { text, name, sha256: createHash('sha256').update(text).digest('hex') };
};

describe('sequences', () => {
  test('the same seed draws the same ones, in the order of the text; another seed others', async () => {
    const settings = { context: 10, sequences: 5, seed: 7 };
    const first = await calibrationSet(textOf(1001), characters(), settings);
    const again = await calibrationSet(textOf(1001), characters(), settings);
    const other = await calibrationSet(textOf(1001), characters(), { ...settings, seed: 8 });
    expect(first.tokens).toBe(50);
    expect(again.sequences).toEqual(first.sequences);
    expect(again.dataHash).toBe(first.dataHash);
    expect(other.dataHash).not.toBe(first.dataHash);
    const starts = first.sequences.map(([token = 0]) => token - 1000);
    expect(starts).toEqual(starts.toSorted((a, b) => a - b));
    expect(new Set(starts).size).toBe(5);
    expect(starts.every((start) => start % 10 === 0)).toBe(true);
    // What a row predicts is what follows it in the text, across the gaps between sequences.
    starts.forEach((start, s) => {
      expect(first.target(s * 10 + 9)).toBe(1000 + start + 10);
    });
  });

  test('all of them whatever the seed, where the text gives no more', async () => {
    const set = await calibrationSet(textOf(41), characters(), { context: 10, sequences: 100, seed: 3 });
    expect(set.sequences.map(([token]) => token)).toEqual([1000, 1010, 1020, 1030]);
  });

  test('the hash is that of the tokens as little-endian 32-bit integers', async () => {
    const set = await calibrationSet(textOf(11), characters(), { context: 10, sequences: 1, seed: 0 });
    const bytes = Buffer.alloc(40);
    for (let i = 0; i < 10; i++) bytes.writeUInt32LE(1000 + i, 4 * i);
    expect(set.dataHash).toBe(createHash('sha256').update(bytes).digest('hex'));
  });

  test('the begin token replaces the first of every sequence and counts in the hash', async () => {
    const settings = { context: 10, sequences: 2, seed: 0 };
    const plain = await calibrationSet(textOf(21), characters(), settings);
    const begun = await calibrationSet(textOf(21), { ...characters(), begin: 1 }, settings);
    expect(begun.sequences.map(([token]) => token)).toEqual([1, 1]);
    expect(begun.dataHash).not.toBe(plain.dataHash);
  });

  test('a text shorter than a context', async () => {
    await expect(
      calibrationSet(textOf(10), characters(), { context: 10, sequences: 1, seed: 0 }),
    ).rejects.toMatchObject({
      code: 'TEXT_TOO_SHORT',
      message: 'the text has 10 tokens, one sequence of 10 needs 11',
    });
  });
});

describe('tokens on disk', () => {
  test('a text is encoded once per tokenizer; damage is noticed', async () => {
    const text = textOf(123, 'kept.txt');
    const tokenizer = characters('once');
    const ids = await tokensOf(text, tokenizer);
    expect(await tokensOf(text, tokenizer)).toEqual(ids);
    expect(tokenizer.asked).toBe(1);
    const other = characters('another');
    await tokensOf(text, other);
    expect(other.asked).toBe(1);
    for (const name of readdirSync(join(folder, 'cache', 'tokens'))) {
      const file = join(folder, 'cache', 'tokens', name);
      const bytes = readFileSync(file);
      bytes[40] = (bytes[40] ?? 0) ^ 1;
      writeFileSync(file, bytes);
    }
    expect(await tokensOf(text, tokenizer)).toEqual(ids);
    expect(tokenizer.asked).toBe(2);
  });
});

describe('texts', () => {
  test('the bundled sample: some 50 kB that every tokenizer encodes', async () => {
    const sample = await readCalibrationText({ kind: 'sample' });
    expect(sample.name).toBe('bundled sample');
    expect(sample.text.length).toBeGreaterThan(40_000);
    const tokenizer = await openTokenizer(await openCheckpoint(SAMPLE));
    const set = await calibrationSet(sample, tokenizer, { context: 256, sequences: 16, seed: 1 });
    expect(set.sequences).toHaveLength(16);
    expect(set.dataHash).toMatch(/^[0-9a-f]{64}$/);
  });

  test('tokens are shown as the text they stand for', async () => {
    const tokenizer = await openTokenizer(await openCheckpoint(SAMPLE));
    const ids = tokenizer.encode('What say you, my lord?');
    expect([...ids].map((id) => tokenizer.show(id)).join('')).toBe('What say you, my lord?');
    expect(tokenizer.show(4_000_000)).toBe('');
  });

  test('a file by name, an absent one', async () => {
    const path = join(folder, 'lines.jsonl');
    writeFileSync(path, '{"text": "hello"}\n');
    expect(await readCalibrationText({ kind: 'file', path })).toMatchObject({ text: 'hello', name: 'lines.jsonl' });
    await expect(readCalibrationText({ kind: 'file', path: join(folder, 'no.txt') })).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
    });
  });
});
