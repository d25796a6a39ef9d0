import { createElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { describe, expect, it } from 'vitest';
import type { Tile } from '../../../core/protocol/objects.ts';
import { envelope } from '../../../webview/charts/ChannelProfile.tsx';
import { depthPoints } from '../../../webview/charts/DepthCurve.tsx';
import { around, panBy, tileSides, wholeTensor, zoomAbout } from '../../../webview/charts/heatWindow.ts';
import { MixBar } from '../../../webview/charts/MixBar.tsx';
import { placeLabels } from '../../../webview/charts/placeLabels.ts';
import { rarePosition, rowTile } from '../../../webview/charts/RowMap.tsx';
import { extreme, keyWindow, pointAt } from '../../../webview/charts/TensorHeatmap.tsx';
import { sideBySide } from '../../../webview/views/kurtosis/kurtosisRows.ts';

const limit = wholeTensor(1000, 4000);

describe('heatmap windows', () => {
  it('keeps the element under the cursor while zooming', () => {
    const zoomed = zoomAbout(limit, limit, 0.25, 0.5, 0.5);
    expect(zoomed.columns[0] + 0.25 * (zoomed.columns[1] - zoomed.columns[0])).toBeCloseTo(1000, 0);
    expect(zoomed.rows[0] + 0.5 * (zoomed.rows[1] - zoomed.rows[0])).toBeCloseTo(500, 0);
  });

  it('stays inside the tensor whatever is asked', () => {
    for (const next of [
      zoomAbout(limit, limit, 1, 1, 9),
      panBy(around(limit, 999, 3999, 48), limit, 3, 3),
      around(limit, 0, 0, 48),
    ]) {
      expect(next.rows[0]).toBeGreaterThanOrEqual(0);
      expect(next.rows[1]).toBeLessThanOrEqual(1000);
      expect(next.columns[1]).toBeLessThanOrEqual(4000);
      expect(next.columns[0]).toBeLessThan(next.columns[1]);
    }
  });

  it('does not zoom below a few elements, also in a single row', () => {
    const vector = wholeTensor(1, 64);
    const close = zoomAbout(vector, vector, 0.5, 0.5, 1e-6);
    expect(close.rows).toEqual([0, 1]);
    expect(close.columns[1] - close.columns[0]).toBe(4);
  });

  it('pans at least one element and answers to keys', () => {
    const small = around(limit, 500, 500, 4);
    expect(panBy(small, limit, 0.1, 0).columns[0]).toBe(small.columns[0] + 1);
    expect(keyWindow('+', limit, limit)?.rows).not.toEqual(limit.rows);
    expect(keyWindow('a', limit, limit)).toBeNull();
  });

  it('asks for no more cells than elements or pixels', () => {
    expect(tileSides(limit, 600, 240, 3)).toEqual([200, 80]);
    expect(tileSides(around(limit, 5, 5, 4), 600, 240, 3)).toEqual([4, 4]);
  });
});

describe('tile points', () => {
  const tile: Tile = {
    tensor: 0,
    rows: [0, 100],
    columns: [0, 100],
    width: 2,
    height: 2,
    values: Float32Array.of(1, -9, 3, 4),
    extremeRows: Uint32Array.of(10, 20, 70, 80),
    extremeColumns: Uint32Array.of(11, 77, 12, 88),
  };
  const whole = wholeTensor(100, 100);

  it('reads the exact place of the extreme element', () => {
    expect(pointAt(tile, whole, 0.9, 0.1)).toMatchObject({ row: 20, column: 77, value: -9, elements: 2500 });
    expect(pointAt(tile, whole, 1.2, 0.1)).toBeNull();
  });

  it('finds the largest magnitude, and a NaN before it', () => {
    expect(extreme(tile)).toMatchObject({ row: 20, column: 77 });
    expect(extreme({ ...tile, values: Float32Array.of(1, -9, Number.NaN, 4) })).toMatchObject({ row: 70 });
  });
});

describe('maps with named rows', () => {
  const map = {
    values: Float32Array.of(1, 2, -900, 4, 0.5, 3),
    channels: Uint32Array.of(3, 11, 400, 9, 60, 512),
    width: 3,
    columns: 576,
  };

  it('read the exact channel of a cell, whatever its width', () => {
    const tile = rowTile(map, 2);
    const whole = wholeTensor(2, 576);
    expect(pointAt(tile, whole, 0.99, 0.1)).toMatchObject({ row: 0, column: 400, value: -900, elements: 192 });
    expect(pointAt(tile, whole, 0.5, 0.9)).toMatchObject({ row: 1, column: 60, value: 0.5 });
    expect(extreme(tile)).toMatchObject({ row: 0, column: 400 });
  });

  it('show values a thousand times apart side by side', () => {
    const position = rarePosition(Float32Array.from({ length: 1000 }, (_, i) => (i === 7 ? 5000 : 1 + (i % 3))));
    expect(position(-5000)).toBe(1);
    expect(position(1)).toBeGreaterThan(0.03);
    expect(position(6)).toBeGreaterThan(position(2));
    expect(rarePosition(new Float32Array(4))(0)).toBe(0);
    expect(rarePosition(Float32Array.of(0, 0, 0, 9))(9)).toBe(1);
  });
});

describe('depth', () => {
  it('weights and activations stand in one table by layer', () => {
    const rows = (name: string, layers: readonly number[]) => ({
      columns: [{ label: 'layer' }, { label: name }],
      rows: layers.map((layer) => ({ key: layer, cells: [layer, 10 * layer] })),
    });
    const both = sideBySide(rows('q', [0, 1]), rows('attn_in', [1, 2]));
    expect(both.columns.map(({ label }) => label)).toEqual(['layer', 'W q', 'x attn_in']);
    expect(both.rows.map(({ cells }) => cells)).toEqual([
      [0, 0, Number.NaN],
      [1, 10, 10],
      [2, Number.NaN, 20],
    ]);
  });

  it('a curve begins at the block of its tensor', () => {
    expect(depthPoints([0.1, 0.2], 3).map(({ layer }) => layer)).toEqual([3, 4]);
    expect(depthPoints([0.1], -1)[0]?.layer).toBe(0);
  });
});

describe('envelope', () => {
  it('keeps every planted outlier of a long channel', () => {
    const values = new Float32Array(50_000).map((_, i) => Math.sin(i));
    values[31_337] = 40;
    values[7] = -50;
    const points = envelope(values, 400);
    expect(points.length).toBeLessThanOrEqual(802);
    expect(points.find((p) => p.index === 31_337)?.value).toBe(40);
    expect(points.find((p) => p.index === 7)?.value).toBe(-50);
    for (let i = 1; i < points.length; i++) expect(points[i]?.index).toBeGreaterThan(points[i - 1]?.index ?? 0);
  });

  it('returns a short channel as it is, without NaN', () => {
    expect(envelope(Float32Array.of(1, Number.NaN, 3), 100)).toEqual([
      { index: 0, value: 1 },
      { index: 2, value: 3 },
    ]);
  });
});

describe('labels', () => {
  it('never overlap each other and keep the chosen one', () => {
    const points = Array.from({ length: 12 }, (_, i) => ({ x: 100 + (i % 3), y: 100 + i * 2, text: `Q${i}_K` }));
    const placed = placeLabels(points, { left: 0, right: 400, top: 0, bottom: 300 }, 5);
    expect(placed[5]).not.toBeNull();
    const boxes = placed.flatMap((p, i) => {
      if (p === null) return [];
      const width = (points[i]?.text.length ?? 0) * 6;
      const left = p.anchor === 'start' ? p.x : p.x - width;
      return [{ left, right: left + width, top: p.y - 9, bottom: p.y }];
    });
    boxes.forEach((a, i) => {
      for (const b of boxes.slice(i + 1)) {
        expect(a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom).toBe(false);
      }
    });
  });
});

describe('MixBar', () => {
  it('draws a table of shares, largest first, with names as text only', () => {
    const html = renderToStaticMarkup(
      createElement(MixBar, {
        label: 'dtype',
        parts: [
          { name: '<img src=x>', tensors: 1, parameters: 25, bytes: '50 B' },
          { name: 'F16', tensors: 2, parameters: 75, bytes: '150 B' },
        ],
      }),
    );
    expect(html).not.toContain('<img');
    expect(html.indexOf('F16')).toBeLessThan(html.indexOf('&lt;img'));
    expect(html).toContain('75.0 %');
  });
});
