// Tables of the command line: what is aligned how, and how sentences end in a narrow terminal.

import { expect, test } from 'vitest';
import { table, tableWithSentences } from '../../../core/engine/commands/text.ts';

const HEAD = ['tensor', 'bytes', 'why'];
const ROWS = [
  ['blk.0.q', '12', 'Q4_K: stepping up to Q5_K costs 2 kB for 0.003 less damage.'],
  ['output', '3456', 'Kept.'],
];

test('the first column stands left, figures right', () => {
  expect(
    table(
      ['name', 'n'],
      [
        ['a', '1'],
        ['bcdef', '20'],
      ],
    ),
  ).toBe('name    n\na       1\nbcdef  20\n');
});

test('sentences stand left and whole where nothing breaks lines', () => {
  expect(tableWithSentences(HEAD, ROWS, Number.POSITIVE_INFINITY)).toBe(
    [
      'tensor   bytes  why',
      'blk.0.q     12  Q4_K: stepping up to Q5_K costs 2 kB for 0.003 less damage.',
      'output    3456  Kept.',
      '',
    ].join('\n'),
  );
});

test('a narrower terminal cuts them between words, never below a readable length', () => {
  for (const columns of [74, 70, 60, 50]) {
    const lines = tableWithSentences(HEAD, ROWS, columns).split('\n');
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns);
    expect(lines[1]).toMatch(/^blk\.0\.q {5}12 {2}Q4_K: stepping up .*[^ ,;:.]…$/);
    const words = (lines[1] ?? '').slice(16, -1).split(' ');
    expect(ROWS[0]?.[2]?.split(' ').slice(0, words.length)).toEqual(words);
    expect(lines[2]).toBe('output    3456  Kept.');
  }
  expect(tableWithSentences(HEAD, ROWS, 20)).toContain('Q4_K: stepping up to Q5_K');
});

test('a single long word is cut inside', () => {
  expect(tableWithSentences(['a', 'why'], [['x', 'y'.repeat(100)]], 43)).toBe(`a  why\nx  ${'y'.repeat(39)}…\n`);
});
