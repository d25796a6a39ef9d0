// One export from plan to verified file: check, write beside, re-open, compare, rename.

import { throwIfCancelled } from '../base/cancellation.ts';
import { countParameters } from '../checkpoint/checkpoint.ts';
import { createAtomicFile } from '../io/atomicFile.ts';
import { checkUnchanged } from '../io/fileIdentity.ts';
import type { ExportFormat, ExportResult } from '../protocol/objects.ts';
import { roundingFacts } from '../quant/rounding/rounding.ts';
import type { ExportInput, ExportRun } from './exporter.ts';
import { preflight, throwIfFailed } from './preflight.ts';
import { EXPORTERS } from './registry.ts';
import { verifyWritten } from './verify/verifyWritten.ts';
import { writeDraft } from './writeDraft.ts';

/**
 * Nothing carries the output's name unless it was written whole and read back as planned.
 *
 * @throws what the preflight found, NON_FINITE, DISK_FULL, FILE_CHANGED, VERIFY_FAILED, CANCELLED
 */
export async function runExport(format: ExportFormat, input: ExportInput, run: ExportRun): Promise<ExportResult> {
  const began = performance.now();
  const exporter = EXPORTERS[format];
  throwIfFailed(await preflight(exporter, input, run.pool.threads));
  const draft = await exporter.draft(input);
  await using file = await createAtomicFile(input.output, { expectedBytes: draft.totalBytes });
  await writeDraft(input, draft, file, withVerification(input, run));
  await file.sync();
  const report = await verifyWritten(input, draft, file.partialPath, run);
  await checkUnchanged(input.checkpoint.files);
  throwIfCancelled(run.signal, 'export');
  await file.commit();
  const parameters = countParameters(input.checkpoint.tensors);
  return {
    output: input.output,
    bytes: draft.totalBytes,
    bitsPerWeight: (draft.totalBytes * 8) / Math.max(1, parameters),
    seconds: (performance.now() - began) / 1000,
    verify: { ...report, exported: input.output },
    ...(input.rounding === undefined ? {} : { rounding: roundingFacts(input.rounding) }),
  };
}

/** One bar for both halves: bytes written, then bytes of the original compared. */
function withVerification({ checkpoint }: ExportInput, run: ExportRun): ExportRun {
  const toVerify = checkpoint.tensors.reduce((sum, { bytes }) => sum + bytes, 0);
  const { onProgress } = run;
  if (onProgress === undefined) return run;
  return { ...run, onProgress: (doneBytes, totalBytes, name) => onProgress(doneBytes, totalBytes + toVerify, name) };
}
