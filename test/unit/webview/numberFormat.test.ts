import { describe, expect, it } from 'vitest';
import { parseBudget } from '../../../webview/app/parseBudget.ts';
import {
  aboutSeconds,
  bytes,
  cellFigure,
  count,
  exactFloat,
  figure,
  percent,
} from '../../../webview/charts/numberFormat.ts';
import { shownName, visibleText } from '../../../webview/charts/visibleText.ts';

describe('number formats', () => {
  it('keeps about three digits at every size', () => {
    expect([0, 0.00012, 0.0421, 0.5, 3.4219, 41.26, 218.4, 1536, 2.5e7].map(figure)).toEqual([
      '0',
      '1.2×10⁻⁴',
      '0.0421',
      '0.500',
      '3.42',
      '41.3',
      '218',
      '1\u2009536',
      '2.5×10⁷',
    ]);
  });

  it('names what is not a number', () => {
    expect([Number.NaN, Infinity, -Infinity].map(figure)).toEqual(['NaN', '∞', '−∞']);
  });

  it('writes cells without superscripts', () => {
    expect(cellFigure(0.00012)).toBe('1.2e-4');
    expect(cellFigure(122.41)).toBe('122.4');
    expect(cellFigure(45_200)).toBe('45k');
  });

  it('gives float32 values that read back exactly', () => {
    for (const value of [3.421875, 0.1, -0.04792516, 1e-20, 65504]) {
      const float = Math.fround(value);
      expect(Math.fround(Number(exactFloat(float).replace('−', '-')))).toBe(float);
    }
    expect(exactFloat(Math.fround(0.1))).toBe('0.1');
  });

  it('uses decimal byte units and rolls over cleanly', () => {
    expect([0, 999, 1000, 1.77e6, 269e6, 999.6e6, 4.2e12].map(bytes)).toEqual([
      '0 B',
      '999 B',
      '1.00 kB',
      '1.77 MB',
      '269 MB',
      '1.00 GB',
      '4.20 TB',
    ]);
  });

  it('counts parameters', () => {
    expect([576, 134.5e6, 7.24e9].map(count)).toEqual(['576', '134.5 M', '7.24 B']);
  });

  it('shows small shares with enough digits', () => {
    expect([0, 0.00021, 0.5, 1e-8].map(percent)).toEqual(['0 %', '0.0210 %', '50.0 %', '1.0×10⁻⁶ %']);
  });
});

describe('parseBudget', () => {
  it('reads bits per weight and bytes', () => {
    expect(parseBudget('4.5', 8000)).toBe(4500);
    expect(parseBudget('4,5 bpw', 8000)).toBe(4500);
    expect(parseBudget('80 MB', 1)).toBe(80e6);
    expect(parseBudget('1.5gib', 1)).toBe(1.5 * 2 ** 30);
    expect(parseBudget('123456', 1)).toBe(123_456);
  });

  it('refuses what is no budget', () => {
    for (const text of ['', 'MB', '-3', '0', '4 parsecs', '1e5x', '4.5.5']) expect(parseBudget(text, 1000)).toBeNull();
  });
});

describe('visibleText', () => {
  it('shows control, bidirectional and invisible characters', () => {
    expect(visibleText('a\u202Eb\u0000c\u200Bd\nе')).toBe('a⟨U+202E⟩b⟨U+0000⟩c⟨U+200B⟩d⟨U+000A⟩е');
  });

  it('leaves ordinary text of any script alone', () => {
    expect(visibleText('слой.0 層 ‖W‖²')).toBe('слой.0 層 ‖W‖²');
  });

  it('cuts long names in the middle', () => {
    const shown = shownName(`${'a'.repeat(1e6)}.weight`, 40);
    expect(shown.length).toBeLessThanOrEqual(40);
    expect(shown.endsWith('.weight')).toBe(true);
  });
});

describe('estimates of time', () => {
  it('are never more exact than they can be', () => {
    expect([0, 0.05, 0.4, 1.24, 75, 600].map(aboutSeconds)).toEqual([
      'at once',
      'at once',
      'under 1 s',
      'about 1.2 s',
      'about 75 s',
      'about 10 min',
    ]);
  });
});
