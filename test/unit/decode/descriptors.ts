// Random storage descriptions with the bytes they describe, in a file on disk.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import type { DType } from '../../../core/tensor/dtype.ts';
import { dtypeInfo } from '../../../core/tensor/dtype.ts';
import type {
  CodeMatrix,
  CodeValues,
  Extent,
  Grouped,
  Matrix,
  PackedMatrix,
  PackedStorage,
} from '../../../core/tensor/storage.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import type { BytesOf } from './straightforward.ts';

const folder = temporaryFolder();
let written = 0;

export interface ExtentFile {
  readonly paths: Record<number, string>;
  readonly extents: Extent[];
  readonly bytesOf: BytesOf;
}

/** Writes the parts behind each other, an odd number of bytes between them. */
export function extentFile(parts: readonly Uint8Array[]): ExtentFile {
  const path = join(folder, `parts-${written++}.bin`);
  const extents: Extent[] = [];
  const gap = 3;
  let offset = gap;
  for (const part of parts) {
    extents.push({ file: 7, offset, bytes: part.length });
    offset += part.length + gap;
  }
  const all = new Uint8Array(offset);
  extents.forEach((extent, i) => {
    all.set(parts[i] ?? [], extent.offset);
  });
  writeFileSync(path, all);
  return { paths: { 7: path }, extents, bytesOf: ({ offset: at, bytes }) => all.slice(at, at + bytes) };
}

/** Repeatable noise (xorshift). */
export function randomBytes(count: number, seed: number): Uint8Array {
  let state = (seed * 2654435761 + 1) >>> 0 || 1;
  return Uint8Array.from({ length: count }, () => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state >>> 11;
  });
}

/** Collects parts while a description is made, so that extents can be known before the file is written. */
class Parts {
  readonly parts: Uint8Array[] = [];
  #end = 3;
  add(part: Uint8Array): Extent {
    const extent = { file: 7, offset: this.#end, bytes: part.length };
    this.parts.push(part);
    this.#end += part.length + 3;
    return extent;
  }
}

interface Choices {
  int(min: number, max: number): number;
  of<T>(list: readonly T[]): T;
}

/** Packed storages of up to some thousand elements, one nesting deep. */
export function zPacked(): fc.Arbitrary<{ storage: PackedStorage; file: ExtentFile }> {
  return fc.gen().map((gen) => {
    const choices: Choices = {
      int: (min, max) => gen(fc.integer, { min, max }),
      of: (list) => gen(() => fc.constantFrom(...list)),
    };
    const parts = new Parts();
    const rows = choices.int(1, 40);
    const columns = choices.int(1, 90);
    const matrix = packedMatrix(choices, parts, rows, columns, 0);
    const file = extentFile(parts.parts);
    return { storage: { ...matrix, scheme: 'random' }, file };
  });
}

function packedMatrix(choices: Choices, parts: Parts, rows: number, columns: number, depth: number): PackedMatrix {
  const values = choices.of(['unsigned', 'signed', 'F8_E4M3', 'F8_E5M2', 'E2M1', 'table', 'numbers'] as const);
  const bits = values === 'E2M1' ? 4 : values.startsWith('F8') ? 8 : choices.int(1, 8);
  const codes = codeMatrix(choices, parts, rows, columns, bits);
  const groups = choices.int(1, Math.min(columns, 6));
  const part = (): Grouped => grouped(choices, parts, rows, columns, groups, depth);
  const factors = Array.from({ length: choices.int(0, 2) }, part);
  const zero = choices.of(['none', 'number', 'grouped'] as const);
  const bias = choices.of(['none', 'number', 'grouped'] as const);
  return {
    kind: 'packed',
    rows,
    columns,
    codes,
    values: codeValues(choices, parts, values, bits),
    factors,
    ...(zero === 'none' ? {} : { zero: zero === 'number' ? 8 : part() }),
    ...(bias === 'none' ? {} : { bias: bias === 'number' ? 0.25 : part() }),
    ...(choices.int(0, 1) === 0 ? {} : { zeroOffset: 1 }),
    ...(choices.int(0, 1) === 0 ? {} : { constant: 1 / 127 }),
    columnGroups: parts.add(
      new Uint8Array(Int32Array.from({ length: columns }, () => choices.int(0, groups - 1)).buffer),
    ),
  };
}

function codeMatrix(choices: Choices, parts: Parts, rows: number, columns: number, bits: number): CodeMatrix {
  const wordBytes = choices.of([1, 4] as const);
  const streams = choices.of(['rows', 'columns'] as const);
  const packing = choices.of(['dense', 'slots', 'spread'] as const);
  const [count, length] = streams === 'rows' ? [rows, columns] : [columns, rows];
  const slots = Math.floor((wordBytes * 8) / bits);
  const words = packing === 'dense' ? Math.ceil((length * bits) / (wordBytes * 8)) : Math.ceil(length / slots);
  const streamsFirst = choices.int(0, 1) === 0;
  const slack = choices.int(0, 2);
  const [streamStride, wordStride] = streamsFirst ? [words + slack, 1] : [1, count + slack];
  const last = (count - 1) * streamStride + (words - 1) * wordStride;
  const order = Array.from({ length: slots }, (_, slot) => slot).toSorted(
    (a, b) => ((a * 5) % slots) - ((b * 5) % slots),
  );
  return {
    extent: parts.add(randomBytes((last + 1) * wordBytes, choices.int(1, 1e6))),
    rows,
    columns,
    bits,
    wordBytes,
    streams,
    streamStride,
    wordStride,
    packing,
    ...(packing !== 'dense' && choices.int(0, 1) === 0 ? { order } : {}),
    ...(packing === 'spread' ? { words } : {}),
  };
}

function codeValues(choices: Choices, parts: Parts, kind: string, bits: number): CodeValues {
  const numbers = Array.from({ length: 1 << bits }, (_, i) => Math.sin(i + choices.int(0, 3)));
  if (kind === 'numbers') return { numbers };
  if (kind === 'table') return { table: parts.add(new Uint8Array(Float32Array.from(numbers).buffer)) };
  return kind as CodeValues & string;
}

function grouped(
  choices: Choices,
  parts: Parts,
  rows: number,
  columns: number,
  groups: number,
  depth: number,
): Grouped {
  const rowGroup = choices.of([1, 1, choices.int(1, rows), Number.POSITIVE_INFINITY]);
  const columnGroup = choices.of([
    1,
    choices.int(1, columns),
    choices.int(1, columns),
    Number.POSITIVE_INFINITY,
    'listed',
  ] as const);
  const matrixRows = Math.ceil(rows / rowGroup) || 1;
  const matrixColumns = columnGroup === 'listed' ? groups : Math.ceil(columns / columnGroup) || 1;
  return {
    matrix: scales(choices, parts, Math.max(1, matrixRows), Math.max(1, matrixColumns), depth),
    rowGroup,
    columnGroup,
    ...(choices.int(0, 3) === 0 ? { divide: true } : {}),
  };
}

function scales(choices: Choices, parts: Parts, rows: number, columns: number, depth: number): Matrix {
  const kind = choices.of(
    depth === 0 ? (['plain', 'plain', 'inline', 'packed'] as const) : (['plain', 'inline'] as const),
  );
  if (kind === 'packed') return packedMatrix(choices, parts, rows, columns, depth + 1);
  if (kind === 'inline')
    return { kind, rows, columns, values: Float32Array.from({ length: rows * columns }, (_, i) => Math.cos(i)) };
  const dtype = choices.of([
    'F32',
    'F16',
    'BF16',
    'F64',
    'F8_E4M3',
    'F8_E8M0',
    'U8',
    'I8',
    'I32',
    'I64',
  ] as const satisfies DType[]);
  const size = dtypeInfo(dtype).blockBytes;
  const [rowStride, columnStride] = choices.int(0, 1) === 0 ? [columns + 1, 1] : [1, rows + 2];
  const last = (rows - 1) * rowStride + (columns - 1) * columnStride;
  return {
    kind,
    extent: parts.add(randomBytes((last + 1) * size, choices.int(1, 1e6))),
    dtype,
    rows,
    columns,
    rowStride,
    columnStride,
    ...(choices.int(0, 3) === 0 ? { bigEndian: true } : {}),
  };
}
