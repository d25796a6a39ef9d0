// One row of codes to values: a table per long segment, one scale per column where segments are short.

import type { RowValues } from './grouped.ts';
import type { Segments } from './segments.ts';

const table = new Float32Array(256);

/** @param at first element of the row in `codes` and `out` */
export function scaleSegments(
  codes: Uint8Array,
  levels: Float32Array,
  { ends }: Segments,
  { scale, zero, bias }: RowValues,
  out: Float32Array,
  at: number,
): void {
  let begin = at;
  for (let i = 0; i < ends.length; i++) {
    const end = at + (ends[i] as number);
    const [s, z, b] = [scale[i] as number, zero[i] as number, bias[i] as number];
    if (levels.length <= end - begin) {
      for (let code = 0; code < levels.length; code++)
        table[code] = Math.fround(Math.fround((levels[code] as number) - z) * s) + b;
      for (let k = begin; k < end; k++) out[k] = table[codes[k] as number] as number;
    } else {
      for (let k = begin; k < end; k++)
        out[k] = Math.fround(Math.fround((levels[codes[k] as number] as number) - z) * s) + b;
    }
    begin = end;
  }
}

/** As `scaleSegments`, for segments of a column or a few. */
export function scaleShortSegments(
  codes: Uint8Array,
  levels: Float32Array,
  { of }: Segments,
  { scale, zero, bias }: RowValues,
  out: Float32Array,
  at: number,
): void {
  for (let c = 0; c < of.length; c++) {
    const i = of[c] as number;
    const level = levels[codes[at + c] as number] as number;
    out[at + c] = Math.fround(Math.fround(level - (zero[i] as number)) * (scale[i] as number)) + (bias[i] as number);
  }
}
