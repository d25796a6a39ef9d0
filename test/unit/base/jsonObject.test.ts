// Values of hostile files as messages show them.

import { expect, test } from 'vitest';
import { shown } from '../../../core/base/jsonObject.ts';

test.each([
  [undefined, 'missing'],
  [null, 'null'],
  [Number.NaN, 'NaN'],
  [Number.NEGATIVE_INFINITY, '-Infinity'],
  [0.5, '0.5'],
  ['a"b', '"a\\"b"'],
  [{ a: [1] }, '{"a":[1]}'],
  ['x'.repeat(1000), `"${'x'.repeat(116)}…`],
])('%j', (value, text) => {
  expect(shown(value)).toBe(text);
});
