// The header's JSON scanner agrees with JSON.parse on what is JSON.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isQuantscopeError } from '../../../core/base/errors.ts';
import { JsonScanner } from '../../../core/checkpoint/jsonScanner.ts';

const scanner = (text: string): JsonScanner => new JsonScanner(new TextEncoder().encode(text), 'header.json');

function accepts(text: string): boolean {
  try {
    const json = scanner(text);
    json.skip();
    json.end();
    return true;
  } catch (error) {
    if (isQuantscopeError(error)) return false;
    throw error;
  }
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe('JsonScanner', () => {
  test('accepts every JSON value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6, noUnicodeString: false }), (value) => {
        expect(accepts(JSON.stringify(value))).toBe(true);
        expect(accepts(JSON.stringify(value, null, 3))).toBe(true);
      }),
      { seed: 1 },
    );
  });

  test('refuses what JSON.parse refuses, after any one-character change', () => {
    const text = '{"a":[1,-2.5e+3,true,null],"b\\n\\u00e9":{"c":"x"},"d":[]}';
    fc.assert(
      fc.property(
        fc.nat(text.length),
        fc.constantFrom(...'{}[]",:\\0189-+.eEntf u\u0001'),
        fc.boolean(),
        (at, put, cut) => {
          const changed = text.slice(0, at) + put + text.slice(cut ? at + 1 : at);
          expect([changed, accepts(changed)]).toEqual([changed, parses(changed)]);
        },
      ),
      { numRuns: 3000, seed: 2 },
    );
  });

  test('many short strings in one text come back exactly, though equal ones are made once', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: fc.constantFrom(...'abF16_'), maxLength: 13 })), (values) => {
        const json = scanner(values.map((value) => JSON.stringify(value)).join(' '));
        expect(values.map(() => json.string())).toEqual(values);
      }),
      { numRuns: 500, seed: 4 },
    );
  });

  test('strings come back exactly', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        fc.pre(value.isWellFormed());
        expect(scanner(JSON.stringify(value)).string()).toBe(value);
      }),
      { seed: 3 },
    );
  });

  test('integers are exact, or told apart', () => {
    expect(scanner('9007199254740991').integer()).toBe(Number.MAX_SAFE_INTEGER);
    expect(scanner('9007199254740992').integer()).toBe(Number.POSITIVE_INFINITY);
    expect(scanner('9'.repeat(500)).integer()).toBe(Number.POSITIVE_INFINITY);
    expect(scanner('-1').integer()).toBeNaN();
    expect(scanner('1e3').integer()).toBeNaN();
    expect(() => scanner('01').integer()).toThrowError(expect.objectContaining({ code: 'HEADER_INVALID' }));
  });
});
