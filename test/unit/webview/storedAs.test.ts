import { expect, it } from 'vitest';
import { packedText, storedBits, storedText } from '../../../webview/app/storedAs.ts';

const table = {
  dtypes: ['INT4', 'BF16', 'F32'] as const,
  schemes: ['GPTQ, 4 bit\u202E', '', ''],
  bytes: Float64Array.of(34, 16, 0),
  elements: Float64Array.of(64, 8, 0),
} as unknown as Parameters<typeof storedText>[0];

it('tells type, scheme and what a weight really takes, and obeys no text of the file', () => {
  expect(storedText(table, 0)).toBe('INT4 (GPTQ, 4 bit⟨U+202E⟩)');
  expect(packedText(table, 0)).toBe('GPTQ, 4 bit⟨U+202E⟩ · 4.25 bits per weight');
  expect(storedText(table, 1)).toBe('BF16');
  expect(packedText(table, 1)).toBeNull();
  expect(storedBits(table, 1)).toBe(16);
  expect(storedBits(table, 2)).toBeNaN();
});
