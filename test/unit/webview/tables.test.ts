import { describe, expect, it } from 'vitest';
import { metricById } from '../../../webview/app/metrics.ts';
import { landmarkName, paretoRows } from '../../../webview/app/paretoRows.ts';
import { parseThreshold, thresholdText } from '../../../webview/app/parseThreshold.ts';
import { statisticsColumns } from '../../../webview/app/tensorFigures.ts';
import { tensorsCsv } from '../../../webview/app/tensorsCsv.ts';
import { csvText } from '../../../webview/charts/figureRows.ts';
import { largestPoints } from '../../../webview/charts/largestPoints.ts';
import { layerRows, scatterRows } from '../../../webview/views/kurtosis/kurtosisRows.ts';

describe('CSV', () => {
  it('keeps numbers whole, quotes what must be and leaves unknown figures empty', () => {
    expect(
      csvText(
        ['a', 'b,c'],
        [
          ['x"y', 0.1 + 0.2],
          ['line\nbreak', Number.NaN],
        ],
      ),
    ).toBe('a,"b,c"\r\n"x""y",0.30000000000000004\r\n"line\nbreak",\r\n');
  });

  it('never lets a name of the file run as a formula, and leaves negative numbers alone', () => {
    expect(
      csvText(
        ['n', 'v'],
        [
          ['=HYPERLINK("x")', -1],
          ['-1+1', -2],
        ],
      ),
    ).toBe(`n,v\r\n"'=HYPERLINK(""x"")",-1\r\n'-1+1,-2\r\n`);
  });

  it('of the tensor table has every statistic and the metric shown', () => {
    const statistics = statisticsColumns(2);
    statistics.columns.kurtosis[1] = 7.25;
    const table = {
      names: ['a', 'b'],
      dtypes: ['BF16', 'F32'],
      shapes: [[2, 3], [4]],
      elements: Float64Array.of(6, 4),
      bytes: Float64Array.of(12, 16),
      layers: Int32Array.of(0, -1),
      roles: ['attention.q', 'norm'],
      stacks: ['', ''],
      modules: ['', ''],
      schemes: ['', 'GPTQ, 4 bit'],
      quantizable: Uint8Array.of(1, 0),
    } as const;
    const metric = metricById('absMaxSigma');
    if (metric === undefined) throw new Error('no such metric');
    const lines = tensorsCsv([1, 0], {
      table: table as never,
      statistics,
      solution: null,
      energy: null,
      metric,
      values: Float64Array.of(3, 4),
    }).split('\r\n');
    const labels = lines[0]?.split(',') ?? [];
    expect(labels.slice(0, 10)).toEqual([
      'name',
      'dtype',
      'scheme',
      'shape',
      'layer',
      'role',
      'parameters',
      'bytes',
      'bitsPerWeight',
      'absMaxSigma',
    ]);
    const first = lines[1]?.split(',') ?? [];
    const figures = ['4', '', 'norm', '4', '16', '32', '4'];
    expect(lines[1]?.startsWith(`b,F32,"GPTQ, 4 bit",${figures.join()}`)).toBe(true);
    // One comma is inside the quoted scheme.
    expect(first[labels.indexOf('kurtosis') + 1]).toBe('7.25');
    expect(lines[2]?.startsWith('a,BF16,,2×3,0,attention.q,6,12,16,3')).toBe(true);
  });
});

describe('thresholds', () => {
  it('are typed as figures are read', () => {
    expect(parseThreshold('6.5', '')).toBe(6.5);
    expect(parseThreshold(' −0,5 ', '')).toBe(-0.5);
    expect(parseThreshold('1.5e-3', '')).toBe(0.0015);
    expect(parseThreshold('0.02', '%')).toBeCloseTo(0.0002, 15);
    expect(parseThreshold('0.02 %', '%')).toBeCloseTo(0.0002, 15);
    expect(parseThreshold('2 MB', 'bytes')).toBe(2e6);
    expect(parseThreshold('100 B', 'bytes')).toBe(100);
    expect(parseThreshold('1.2 B', 'weights')).toBe(1.2e9);
    for (const text of ['', 'many', '3 apples', '1 MB %', '∞']) expect(parseThreshold(text, '')).toBeNull();
    expect(parseThreshold('3 MB', '%')).toBeNull();
  });

  it('read back what they show', () => {
    for (const [value, unit] of [
      [0.0002, '%'],
      [6.5, ''],
      [2e6, 'bytes'],
    ] as const) {
      expect(parseThreshold(thresholdText(value, unit), unit)).toBeCloseTo(value, 15);
    }
  });
});

describe('rows behind charts', () => {
  it('the heatmap: largest magnitude first, NaN before all', () => {
    const tile = {
      tensor: 0,
      rows: [0, 4] as [number, number],
      columns: [0, 8] as [number, number],
      width: 2,
      height: 2,
      values: Float32Array.of(1, -3, Number.NaN, 2),
      extremeRows: Uint32Array.of(0, 1, 2, 3),
      extremeColumns: Uint32Array.of(1, 5, 0, 7),
    };
    expect(largestPoints(tile, 3)).toEqual([
      { row: 2, column: 0, value: Number.NaN, elements: 8 },
      { row: 1, column: 5, value: -3, elements: 8 },
      { row: 3, column: 7, value: 2, elements: 8 },
    ]);
  });

  it('the lines by layer: one row per layer, NaN where a role has none', () => {
    const rows = layerRows([
      { name: 'q', points: [{ layer: 1, value: 5, tensor: 3 }] },
      {
        name: 'k',
        points: [
          { layer: 0, value: 2, tensor: 1 },
          { layer: 1, value: 4, tensor: 2 },
        ],
      },
    ]);
    expect(rows.columns.map((c) => c.label)).toEqual(['layer', 'q', 'k']);
    expect(rows.rows.map((r) => r.cells)).toEqual([
      [0, Number.NaN, 2],
      [1, 5, 4],
    ]);
  });

  it('the scatter: largest kurtosis first, a row opens its tensor', () => {
    const opened: number[] = [];
    const point = (tensor: number, y: number) => ({ tensor, name: `t${tensor}`, group: 'q', x: 1, y });
    const { rows } = scatterRows([point(4, 1), point(5, 9)], (t) => opened.push(t));
    rows[0]?.pick?.();
    expect(opened).toEqual([5]);
  });

  it('the curve: points, landmarks and this plan by size; only plans of the curve can be taken', () => {
    const point = (bytes: number) => ({ bytes, bitsPerWeight: bytes / 10, damage: 1 / bytes });
    const taken: number[] = [];
    const { rows } = paretoRows(
      { points: [point(10), point(30)], landmarks: [{ label: 'Q4_K', ...point(20) }] },
      point(25),
      [],
      (bytes) => taken.push(bytes),
    );
    expect(rows.map((r) => r.cells[0])).toEqual(['best plan', 'uniform Q4_K', 'this plan', 'best plan']);
    expect(rows.map((r) => r.current === true)).toEqual([false, false, true, false]);
    for (const row of rows) row.pick?.();
    expect(taken).toEqual([10, 30]);
    expect(landmarkName('uniform Q8_0')).toBe('uniform Q8_0');
  });

  it('the curve: what was measured has a column of its own, and nothing is invented for it', () => {
    const point = (bytes: number) => ({ bytes, bitsPerWeight: bytes / 10, damage: 1 / bytes });
    const measured = [{ label: 'this plan', bytes: 20, divergence: 0.03, error: 0.001 }];
    const curve = { points: [point(10)], landmarks: [], bound: [point(5)] };
    const { columns, rows } = paretoRows(curve, null, measured, () => undefined);
    expect(columns.map(({ label }) => label)).toEqual(['plan', 'size', 'bits/weight', 'damage', 'measured KL']);
    expect(rows.map(({ cells }) => cells[0])).toEqual(['bound', 'best plan', 'this plan, measured']);
    expect(rows[2]?.cells.slice(2)).toEqual([Number.NaN, Number.NaN, 0.03]);
    expect(columns[3]?.text?.(Number.NaN)).toBe('–');
  });
});
