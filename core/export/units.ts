// A drafted file cut into units: pieces of known place and size that can be written, checked and written again alone.

import { storedBytes } from '../tensor/dtype.ts';
import type { DraftTensor, ExportDraft, TensorRows } from './exporter.ts';
import { CHUNK_ELEMENTS, type RowChunk, rowChunks } from './rowChunks.ts';

/** Some tenths of a second of quantizing: what a killed job loses at most; a model of 70 G weights has some 5,000 units. */
const UNIT_ELEMENTS = 32 * CHUNK_ELEMENTS;

/** The head of the file, a tensor with its padding, or some rows of a large tensor. */
export interface ExportUnit {
  /** Position in the file's order of units. */
  readonly index: number;
  /** Of the tensor; empty for the head. */
  readonly name: string;
  /** Of the unit's first byte in the file. */
  readonly offset: number;
  /** Padding included. */
  readonly bytes: number;
  /** Zero bytes at its end. */
  readonly paddingBytes: number;
  readonly source: Uint8Array | UnitRows;
}

export interface UnitRows extends TensorRows {
  /** What workers handle one at a time, in order. */
  readonly chunks: readonly RowChunk[];
}

/** The same draft gives the same units; together they are the file, without gaps. */
export function unitsOf({ head, tensors }: ExportDraft): ExportUnit[] {
  const units: ExportUnit[] = [];
  let offset = 0;
  const add = (unit: Omit<ExportUnit, 'index' | 'offset'>): void => {
    if (unit.bytes === 0) return;
    units.push({ index: units.length, offset, ...unit });
    offset += unit.bytes;
  };
  add({ name: '', bytes: head.length, paddingBytes: 0, source: head });
  for (const tensor of tensors) for (const unit of tensorUnits(tensor)) add(unit);
  return units;
}

function tensorUnits(tensor: DraftTensor): Omit<ExportUnit, 'index' | 'offset'>[] {
  const { name, source, type, bytes, paddingBytes } = tensor;
  if (source instanceof Uint8Array) return [{ name, source, bytes: bytes + paddingBytes, paddingBytes }];
  const headRows = headRowsOf(source);
  const groups = grouped([...rowChunks(source.rows, source.columns, headRows)], source.columns);
  let left = bytes;
  return groups.map((chunks, at) => {
    const last = at === groups.length - 1;
    const rows = chunks.reduce((sum, chunk) => sum + chunk.rows, 0);
    const own = last ? left : storedBytes(type, rows * source.columns);
    left -= own;
    const padding = last ? paddingBytes : 0;
    return { name, source: { ...source, chunks }, bytes: own + padding, paddingBytes: padding };
  });
}

/** Rows of one interleaved head; 0 where rows stay in place. */
export function headRowsOf({ rows, permutedHeads }: TensorRows): number {
  return permutedHeads === 0 ? 0 : rows / permutedHeads;
}

function grouped(chunks: readonly RowChunk[], columns: number): RowChunk[][] {
  const groups: RowChunk[][] = [];
  let elements = Number.POSITIVE_INFINITY;
  for (const chunk of chunks) {
    if (elements >= UNIT_ELEMENTS) {
      groups.push([]);
      elements = 0;
    }
    groups.at(-1)?.push(chunk);
    elements += chunk.rows * columns;
  }
  // A tensor without elements may still have padding.
  return groups.length === 0 ? [[]] : groups;
}
