// How quantizers lay codes and scales out, put into the terms of storage.ts: one builder for every packing.

import type { DType } from './dtype.ts';
import type { CodeMatrix, Extent, Grouped, Matrix, PlainMatrix } from './storage.ts';

/** Where the words of a matrix of codes lie. */
export interface CodeLayout {
  readonly bits: number;
  readonly wordBytes: 1 | 4;
  /** Codes follow each other along a row ('rows') or down a column ('columns'). */
  readonly streams: 'rows' | 'columns';
  /** 'streams': all words of a stream lie together. 'words': word 0 of every stream, then word 1 of every stream, … */
  readonly first: 'streams' | 'words';
  readonly packing: CodeMatrix['packing'];
  /** See CodeMatrix. */
  readonly order?: readonly number[];
}

/**
 * A matrix of codes without gaps between its words:
 *
 *   streams  first    stored as          found in
 *   rows     streams  [rows, words]      compressed-tensors, MLX, bitsandbytes, MXFP4, ONNX
 *   rows     words    [words, rows]      GPTQ weights
 *   columns  streams  [columns, words]   AWQ; zero points of GPTQ
 *   columns  words    [words, columns]   HQQ; zero points of compressed-tensors
 */
export function codeMatrix(extent: Extent, rows: number, columns: number, layout: CodeLayout): CodeMatrix {
  const { bits, wordBytes, streams, first, packing, order } = layout;
  const [streamCount, codes] = streams === 'rows' ? [rows, columns] : [columns, rows];
  const words = streamWords(codes, bits, wordBytes, packing);
  return {
    extent,
    rows,
    columns,
    bits,
    wordBytes,
    streams,
    streamStride: first === 'streams' ? words : 1,
    wordStride: first === 'streams' ? 1 : streamCount,
    packing,
    ...(order === undefined ? {} : { order }),
    ...(packing === 'spread' ? { words } : {}),
  };
}

/** Words that `codes` codes of one stream take. */
export function streamWords(codes: number, bits: number, wordBytes: 1 | 4, packing: CodeMatrix['packing']): number {
  if (packing === 'dense') return Math.ceil((codes * bits) / (wordBytes * 8));
  return Math.ceil(codes / Math.floor((wordBytes * 8) / bits));
}

/** Numbers stored row by row; `transposed` ones are stored column by column. */
export function plainMatrix(
  extent: Extent,
  dtype: DType,
  rows: number,
  columns: number,
  transposed = false,
): PlainMatrix {
  const [rowStride, columnStride] = transposed ? [1, rows] : [columns, 1];
  return { kind: 'plain', extent, dtype, rows, columns, rowStride, columnStride };
}

/** One number of `matrix` for `rowGroup` × `columnGroup` elements. */
export function grouped(matrix: Matrix, rowGroup: number, columnGroup: number | 'listed'): Grouped {
  return { matrix, rowGroup, columnGroup };
}
