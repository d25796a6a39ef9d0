// Activation statistics as bytes and back, exactly: what a stopped calibration continues from.
//
//   u32 length of the header | JSON header, padded to 8 bytes | float64 numbers of every layer in the header's order

import * as z from 'zod';
import { ActivationStatistics, type LayerStatistics } from './activationStatistics.ts';
import { AttentionReceived } from './attentionReceived.ts';
import { ChannelMoments } from './channelMoments.ts';
import { ExpertRows } from './expertRows.ts';
import { HiddenExtremes } from './hiddenExtremes.ts';

const zHeader = z.object({
  sequences: z.int().nonnegative(),
  layers: z.array(
    z.object({
      layer: z.int().nonnegative(),
      positions: z.int().positive(),
      taps: z.array(
        z.object({
          name: z.string(),
          modules: z.array(z.string()),
          columns: z.int().positive(),
          rows: z.int().nonnegative(),
        }),
      ),
      experts: z.array(
        z.object({
          tap: z.string(),
          modules: z.array(z.string()),
          columns: z.int().positive(),
          rows: z.int().nonnegative(),
          counted: z.boolean(),
        }),
      ),
      largest: z.array(z.object({ sequence: z.int(), position: z.int(), channel: z.int(), value: z.number() })),
    }),
  ),
});

type Header = z.infer<typeof zHeader>;

export function statisticsBytes(statistics: ActivationStatistics): Uint8Array {
  const { layers, sequences } = statistics;
  const header: Header = {
    sequences,
    layers: layers.map(({ layer, taps, experts, extremes, received }) => ({
      layer,
      positions: received.sums.length,
      taps: taps.map(({ name, modules, moments: { columns, rows } }) => ({
        name,
        modules: [...modules],
        columns,
        rows,
      })),
      experts: experts.map(({ tap, modules, squares, rows, counted }) => ({
        tap,
        modules: [...modules],
        columns: squares.length,
        rows,
        counted,
      })),
      largest: [...extremes.largest],
    })),
  };
  const text = new TextEncoder().encode(JSON.stringify(header));
  const start = dataStart(text.length);
  const arrays = layers.flatMap(arraysOf);
  const out = new Uint8Array(start + 8 * arrays.reduce((sum, { length }) => sum + length, 0));
  new DataView(out.buffer).setUint32(0, text.length, true);
  out.set(text, 4);
  let at = start;
  for (const numbers of arrays) {
    out.set(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength), at);
    at += numbers.byteLength;
  }
  return out;
}

/** @returns null for bytes that are not statistics */
export function readStatistics(name: string, bytes: Uint8Array<ArrayBuffer>): ActivationStatistics | null {
  const header = readHeader(bytes);
  if (header === null) return null;
  let at = dataStart(new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true));
  const needed = header.layers.reduce((sum, layer) => sum + 8 * numbersOf(layer), at);
  if (needed !== bytes.length) return null;
  const take = (count: number): Float64Array => {
    const numbers = new Float64Array(bytes.slice(at, at + 8 * count).buffer);
    at += 8 * count;
    return numbers;
  };
  const layers = header.layers.map(
    ({ layer, positions, taps, experts, largest }): LayerStatistics => ({
      layer,
      taps: taps.map(({ name, modules, columns, rows }) => ({
        name,
        modules,
        moments: new ChannelMoments(columns, rows, take(ChannelMoments.size(columns))),
      })),
      experts: experts.map(
        ({ tap, modules, columns, rows, counted }) => new ExpertRows(tap, modules, counted, take(columns), rows),
      ),
      extremes: new HiddenExtremes({ largest, counts: take(HiddenExtremes.buckets) }),
      received: new AttentionReceived(take(positions)),
    }),
  );
  return new ActivationStatistics(name, layers, header.sequences);
}

function arraysOf({ taps, experts, extremes, received }: LayerStatistics): Float64Array[] {
  return [
    ...taps.map(({ moments }) => moments.sums),
    ...experts.map(({ squares }) => squares),
    extremes.counts,
    received.sums,
  ];
}

function numbersOf({ taps, experts, positions }: Header['layers'][number]): number {
  const ofTaps = taps.reduce((sum, { columns }) => sum + ChannelMoments.size(columns), 0);
  const ofExperts = experts.reduce((sum, { columns }) => sum + columns, 0);
  return ofTaps + ofExperts + HiddenExtremes.buckets + positions;
}

function readHeader(bytes: Uint8Array): Header | null {
  if (bytes.length < 4) return null;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  if (4 + length > bytes.length) return null;
  try {
    return zHeader.parse(JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length))));
  } catch {
    return null;
  }
}

function dataStart(headerBytes: number): number {
  return Math.ceil((4 + headerBytes) / 8) * 8;
}
