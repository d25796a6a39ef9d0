// Calibration files: plain text as it is, JSONL by its fields, broken lines named.

import { describe, expect, test } from 'vitest';
import { textOf } from '../../../core/calibration/documents.ts';

const lines = (...values: unknown[]): string => values.map((value) => JSON.stringify(value)).join('\n');

describe('plain text', () => {
  test('stays as it is, whatever it looks like', () => {
    expect(textOf('a.txt', '{"text": 1}\r\n')).toBe('{"text": 1}\r\n');
  });

  test('without a character is too short', () => {
    expect(() => textOf('a.txt', ' \n\t')).toThrow(expect.objectContaining({ code: 'TEXT_TOO_SHORT' }));
  });
});

describe('JSONL', () => {
  test('text, content, messages of both kinds; empty lines and documents are skipped', () => {
    const content = [
      lines({ text: 'one' }, { content: 'two', text: null }),
      '',
      lines({
        messages: [
          { role: 'user', content: 'three' },
          { role: 'assistant', content: [{ type: 'text', text: 'four' }, { type: 'image' }] },
        ],
      }),
      lines({ conversations: [{ from: 'human', value: 'five' }] }, { text: '' }),
    ].join('\r\n');
    expect(textOf('a.JSONL', content)).toBe('one\n\ntwo\n\nthree\nfour\n\n\nfive');
  });

  test('lines without text are named, the first five of them', () => {
    const broken = [
      '{"text": "good"}',
      'not json',
      '[]',
      '{"title": "x"}',
      '7',
      '{"messages": [{"role": "user"}]}',
      '{',
    ];
    expect(() => textOf('b.ndjson', broken.join('\n'))).toThrow(
      expect.objectContaining({
        code: 'HEADER_INVALID',
        message: expect.stringMatching(/^b\.ndjson: line 2, 3, 4, 5, 6 and 1 more: not a JSON object/),
      }),
    );
  });

  test('no document at all', () => {
    expect(() => textOf('c.jsonl', '\n\n')).toThrow(expect.objectContaining({ code: 'TEXT_TOO_SHORT' }));
  });
});
