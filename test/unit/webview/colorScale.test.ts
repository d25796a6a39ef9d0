import { describe, expect, it } from 'vitest';
import { colorScale, inkOn, rampColor } from '../../../webview/charts/colorScale.ts';
import { heatPosition, NAN_COLOR, paintTile } from '../../../webview/charts/paintTile.ts';
import { bitsPosition, TYPE_BITS } from '../../../webview/charts/typeBits.ts';

describe('colorScale', () => {
  it('is monotone, covers [0, 1] and inverts, for every kind', () => {
    const values = [0.5, 1, 2, 3, 10, 250];
    for (const kind of ['linear', 'log', 'percentile'] as const) {
      const scale = colorScale(values, kind);
      const positions = values.map((v) => scale.position(v));
      expect(positions[0]).toBeCloseTo(0);
      expect(positions.at(-1)).toBeCloseTo(1);
      for (let i = 1; i < positions.length; i++) expect(positions[i]).toBeGreaterThan(positions[i - 1] ?? 0);
      for (const v of values) expect(scale.at(scale.position(v))).toBeCloseTo(v);
    }
  });

  it('places zero and negative kurtosis at the low end of a logarithmic scale', () => {
    const scale = colorScale([-0.4, 0, 0.2, 100], 'log');
    expect(scale.position(-0.4)).toBe(0);
    expect(scale.position(0)).toBe(0);
    expect(scale.position(100)).toBeCloseTo(1);
  });

  it('keeps a stray tiny figure from flattening the rest', () => {
    expect(colorScale([1e-30, 1, 10], 'log').position(1)).toBeGreaterThan(0.7);
  });

  it('leaves NaN without a place and survives having no figures', () => {
    expect(colorScale([1, Number.NaN, 2], 'linear').position(Number.NaN)).toBeNaN();
    expect(colorScale([Number.NaN], 'log').domain).toEqual([0, 1]);
    expect(colorScale([5, 5], 'linear').position(5)).toBe(0);
  });

  it('writes dark on light and light on dark with at least 4.5:1 everywhere on the ramps', () => {
    for (const ramp of ['inferno', 'viridis', 'cividis'] as const) {
      for (let i = 0; i <= 100; i++) {
        const color = rampColor(ramp, i / 100);
        expect(contrast(color, inkOn(color))).toBeGreaterThanOrEqual(4.5);
      }
    }
  });
});

describe('heatmap colours', () => {
  it('shows one outlier far above the bulk and keeps the bulk off black', () => {
    expect(heatPosition(41, 1, 41)).toBe(1);
    expect(heatPosition(2.5, 1, 41)).toBeGreaterThan(0.1);
    expect(heatPosition(2.5, 1, 41)).toBeLessThan(0.3);
  });

  it('does not draw a tame tensor as if it had outliers', () => {
    expect(heatPosition(4.5, 1, 4.5)).toBeLessThan(0.8);
  });

  it('paints NaN in a colour of its own', () => {
    const pixels = new Uint8ClampedArray(8);
    paintTile(Float32Array.of(Number.NaN, 1), (value) => value, pixels);
    expect(`#${[...pixels.slice(0, 3)].map((c) => c.toString(16).padStart(2, '0')).join('')}`).toBe(NAN_COLOR);
    expect(pixels[7]).toBe(255);
  });
});

describe('type colours', () => {
  it('orders types by bits', () => {
    const ordered = Object.values(TYPE_BITS).sort((a, b) => a - b);
    for (let i = 1; i < ordered.length; i++) {
      expect(bitsPosition(ordered[i] ?? 0)).toBeGreaterThanOrEqual(bitsPosition(ordered[i - 1] ?? 0));
    }
    expect(bitsPosition(1)).toBe(0);
    expect(bitsPosition(16)).toBeLessThan(bitsPosition(32));
    expect(bitsPosition(32)).toBe(1);
  });
});

function contrast(a: string, b: string): number {
  const [x, y] = [luminance(a), luminance(b)];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

function luminance(color: string): number {
  const hex = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(color);
  const parts =
    hex !== null ? hex.slice(1).map((h) => Number.parseInt(h, 16)) : (color.match(/\d+/g) ?? []).map(Number);
  const [r = 0, g = 0, b = 0] = parts.map((c) =>
    c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4,
  );
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
