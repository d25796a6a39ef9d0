// Colours of a heatmap: values on a compressed ramp, so that bulk and outliers both show.

import { rgb } from 'd3';
import { rampColor } from './colorScale.ts';

/** Cells holding a NaN: a colour the ramp never takes. */
export const NAN_COLOR = '#2dd4bf';

const LEVELS = 256;
let table: Uint32Array | undefined;

/** Below 1 so that the bulk is not black beside one extreme weight. */
const COMPRESSION = 0.6;
/** A tensor without outliers stays dim: its largest weight is not drawn as if it were one. */
const LEAST_SIGMAS = 8;

/** (|w| / top)^0.6 with top = the largest magnitude, at least 8σ: 0…1. */
export function heatPosition(value: number, sigma: number, absMax: number): number {
  const top = Math.max(absMax, LEAST_SIGMAS * sigma);
  return top > 0 ? Math.min(1, (Math.abs(value) / top) ** COMPRESSION) : 0;
}

/** Fills RGBA pixels, one per tile cell. */
export function paintTile(values: Float32Array, position: (value: number) => number, into: Uint8ClampedArray): void {
  table ??= packedRamp();
  const pixels = new Uint32Array(into.buffer, into.byteOffset, values.length);
  const nan = packed(NAN_COLOR);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0;
    const level = Math.round(position(value) * (LEVELS - 1));
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
