// One row of codes to values, with the scale, zero point and bias of every segment.

import type { RowValues } from './grouped.ts';
import type { Segments } from './segments.ts';

let tables = new Float32Array(1 << 12);

/**
 * @param levels what each code stands for
 * @param at first element of the row in `codes` and `out`
 */
export function scaleRow(
  codes: Uint8Array,
  levels: Float32Array,
  segments: Segments,
  values: RowValues,
  out: Float32Array,
  at: number,
): void {
  const { ends, of, count } = segments;
  if (ends !== null) scaleRuns(codes, levels, ends, values, out, at);
  else if (count * levels.length <= of.length) lookUp(codes, levels, segments, values, out, at);
  else scaleOneByOne(codes, levels, of, values, out, at);
}

/** Segments of neighbours: a table of values where the segment is longer than it. */
function scaleRuns(
  codes: Uint8Array,
  levels: Float32Array,
  ends: Int32Array,
  { scale, zero, bias }: RowValues,
  out: Float32Array,
  at: number,
): void {
  let begin = at;
  for (let i = 0; i < ends.length; i++) {
    const end = at + (ends[i] as number);
    const [s, z, b] = [scale[i] as number, zero[i] as number, bias[i] as number];
    if (Object.is(z, 0) && Object.is(b, -0)) {
      for (let k = begin; k < end; k++) out[k] = (levels[codes[k] as number] as number) * s;
    } else if (levels.length <= end - begin) {
      fillTable(levels, s, z, b, 0);
      for (let k = begin; k < end; k++) out[k] = tables[codes[k] as number] as number;
    } else {
      for (let k = begin; k < end; k++)
        out[k] = Math.fround(Math.fround((levels[codes[k] as number] as number) - z) * s) + b;
    }
    begin = end;
  }
}

/** A few segments, mixed: a table for each, then one look per column. */
function lookUp(
  codes: Uint8Array,
  levels: Float32Array,
  { of, count }: Segments,
  { scale, zero, bias }: RowValues,
  out: Float32Array,
  at: number,
): void {
  const size = levels.length;
  if (tables.length < count * size) tables = new Float32Array(count * size);
  for (let i = 0; i < count; i++) fillTable(levels, scale[i] as number, zero[i] as number, bias[i] as number, i * size);
  for (let c = 0; c < of.length; c++)
    out[at + c] = tables[(of[c] as number) * size + (codes[at + c] as number)] as number;
}

function scaleOneByOne(
  codes: Uint8Array,
  levels: Float32Array,
  of: Int32Array,
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

function fillTable(levels: Float32Array, s: number, z: number, b: number, at: number): void {
  for (let code = 0; code < levels.length; code++)
    tables[at + code] = Math.fround(Math.fround((levels[code] as number) - z) * s) + b;
}
