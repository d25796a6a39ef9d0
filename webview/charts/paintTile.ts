// Colours of a heatmap: magnitude in standard deviations on a logarithmic ramp, so that bulk and outliers both show.

import { rgb } from 'd3';
import { rampColor } from './colorScale.ts';

/** Cells holding a NaN: a colour the ramp never takes. */
export const NAN_COLOR = '#2dd4bf';

const LEVELS = 256;
let table: Uint32Array | undefined;

/** log1p(|w|/σ) against its value at the tensor's largest magnitude: 0…1. */
export function heatPosition(value: number, sigma: number, absMax: number): number {
  const unit = sigma > 0 ? sigma : absMax;
  if (!(unit > 0)) return 0;
  return Math.min(1, Math.log1p(Math.abs(value) / unit) / Math.log1p(absMax / unit));
}

/** Fills RGBA pixels, one per tile cell. */
export function paintTile(values: Float32Array, sigma: number, absMax: number, into: Uint8ClampedArray): void {
  table ??= packedRamp();
  const pixels = new Uint32Array(into.buffer, into.byteOffset, values.length);
  const nan = packed(NAN_COLOR);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0;
    const level = Math.round(heatPosition(value, sigma, absMax) * (LEVELS - 1));
    pixels[i] = Number.isNaN(value) ? nan : (table[level] ?? 0);
  }
}

function packedRamp(): Uint32Array {
  return Uint32Array.from({ length: LEVELS }, (_, i) => packed(rampColor('inferno', i / (LEVELS - 1))));
}

/** Canvas pixels are little-endian RGBA on every machine VS Code runs on. */
function packed(color: string): number {
  const { r, g, b } = rgb(color);
  return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
}
