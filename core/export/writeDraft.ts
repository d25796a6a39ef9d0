// Streams a drafted file into place, unit after unit.

import { QuantscopeError } from '../base/errors.ts';
import type { AtomicFile } from '../io/atomicFile.ts';
import { type EncodeInput, encodeUnits } from './encodeUnits.ts';
import type { ExportDraft, ExportRun } from './exporter.ts';
import { unitsOf } from './units.ts';

/** @throws NON_FINITE, DISK_FULL, FILE_TRUNCATED, CANCELLED */
export async function writeDraft(
  input: EncodeInput,
  draft: ExportDraft,
  file: AtomicFile,
  { pool, signal, onProgress }: ExportRun,
): Promise<void> {
  const { totalBytes } = draft;
  for await (const { unit, bytes } of encodeUnits(input, unitsOf(draft), pool, signal)) {
    await file.write(bytes);
    onProgress?.(file.writtenBytes, totalBytes, unit.name);
  }
  if (file.writtenBytes !== totalBytes)
    throw new QuantscopeError('INTERNAL', `wrote ${file.writtenBytes} bytes, planned ${totalBytes}`);
}
