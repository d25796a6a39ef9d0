// Units are the file: every byte once, in order, large tensors in slices of whole heads.

import { describe, expect, it } from 'vitest';
import type { DraftTensor, ExportDraft } from '../../../core/export/exporter.ts';
import { unitsOf } from '../../../core/export/units.ts';
import type { DType } from '../../../core/tensor/dtype.ts';
import { storedBytes } from '../../../core/tensor/dtype.ts';

function tensorOf(name: string, rows: number, columns: number, type: DType, permutedHeads = 0): DraftTensor {
  const bytes = storedBytes(type, rows * columns);
  const paddingBytes = (32 - (bytes % 32)) % 32;
  return { name, type, bytes, paddingBytes, source: { tensor: 0, rows, columns, steps: [type], permutedHeads } };
}

function draftOf(head: number, tensors: readonly DraftTensor[]): ExportDraft {
  const totalBytes = tensors.reduce((sum, { bytes, paddingBytes }) => sum + bytes + paddingBytes, head);
  return { totalBytes, head: new Uint8Array(head), tensors, warnings: [] };
}

describe('units', () => {
  const draft = draftOf(1000, [
    tensorOf('norm', 1, 65, 'F32'),
    tensorOf('empty', 0, 64, 'F32'),
    tensorOf('wide', 9000, 4096, 'Q4_K'),
    tensorOf('heads', 32 * 1280, 1024, 'Q6_K', 32),
    tensorOf('one row', 1, 40_000_000, 'Q8_0'),
    { name: 'constant', type: 'F32', bytes: 12, paddingBytes: 20, source: new Uint8Array(12) },
  ]);
  const units = unitsOf(draft);

  it('follow each other without gaps and fill the file', () => {
    let end = 0;
    for (const { offset, bytes, index } of units) {
      expect(offset, `unit ${index}`).toBe(end);
      end += bytes;
    }
    expect(end).toBe(draft.totalBytes);
    expect(units.map(({ index }) => index)).toEqual(units.map((_, at) => at));
  });

  it('begin with the head; tensors have theirs, and those without bytes none', () => {
    expect([...new Set(units.map(({ name }) => name))]).toEqual(['', 'norm', 'wide', 'heads', 'one row', 'constant']);
  });

  it('cut large tensors into slices of some million weights, whole rows and whole heads', () => {
    for (const { name, source } of units) {
      if (source instanceof Uint8Array) continue;
      const rows = source.chunks.reduce((sum, chunk) => sum + chunk.rows, 0);
      if (name !== 'one row') expect(rows * source.columns, name).toBeLessThan(18_000_000);
      if (name === 'heads') expect(source.chunks.every((chunk) => chunk.rows % 1280 === 0)).toBe(true);
    }
    expect(units.filter(({ name }) => name === 'wide').length).toBe(3);
  });

  it('hold every row once', () => {
    for (const { name, source } of draft.tensors) {
      if (source instanceof Uint8Array) continue;
      let next = 0;
      for (const unit of units.filter((candidate) => candidate.name === name)) {
        if (unit.source instanceof Uint8Array) continue;
        for (const chunk of unit.source.chunks) {
          expect(chunk.firstRow).toBe(next);
          next += chunk.rows;
        }
      }
      expect(next, name).toBe(source.rows);
    }
  });

  it('pad at their end only', () => {
    expect(units.filter(({ paddingBytes }) => paddingBytes > 0).map(({ name }) => name)).toEqual(['norm', 'constant']);
  });
});
