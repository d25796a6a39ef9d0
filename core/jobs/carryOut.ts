// One attempt's work: check the whole plan, keep what earlier attempts wrote, write the rest, verify, give it its name.

import { basename, join } from 'node:path';
import { throwIfCancelled } from '../base/cancellation.ts';
import { QuantscopeError } from '../base/errors.ts';
import { countParameters } from '../checkpoint/checkpoint.ts';
import { preflight, throwIfFailed } from '../export/preflight.ts';
import { EXPORTERS } from '../export/registry.ts';
import { unitsOf } from '../export/units.ts';
import { verifyWritten } from '../export/verify/verifyWritten.ts';
import { checkUnchanged } from '../io/fileIdentity.ts';
import { listFolder, pathExists } from '../io/folder.ts';
import { type KeptFile, openKeptFile } from '../io/keptFile.ts';
import { makeFolder, moveFolder, removeTree } from '../io/moveFolder.ts';
import { writeTextFile } from '../io/textFile.ts';
import type { Pool } from '../kernels/pool.ts';
import { spellFigures } from '../protocol/figures.ts';
import type { Job, Versions } from '../protocol/jobs.ts';
import type { ExportResult } from '../protocol/objects.ts';
import { resolveDevice } from './device.ts';
import type { JobPaths } from './jobFolder.ts';
import type { JobInputs } from './jobInputs.ts';
import type { JobProgress } from './jobProgress.ts';
import type { Journal } from './journal.ts';
import type { JournalSummary } from './journalSummary.ts';
import { checkUnits, sumOf, writeUnits } from './writeUnits.ts';

export interface AttemptContext {
  readonly journal: Journal;
  /** Of the records before this attempt. */
  readonly summary: JournalSummary;
  readonly versions: Versions;
  readonly pool: Pool;
  readonly progress: JobProgress;
  readonly signal: AbortSignal;
}

/** @throws what preflight, encoding, writing and verifying throw */
export async function carryOut(
  paths: JobPaths,
  job: Job,
  inputs: JobInputs,
  context: AttemptContext,
): Promise<ExportResult> {
  const { journal, summary, pool, progress, signal, versions } = context;
  const began = performance.now();
  const device = await resolveDevice(job.device);
  await findPartial(paths, summary.units.size > 0);
  const path = join(paths.partial, job.output);
  const exporter = EXPORTERS[job.format];
  const input = { ...inputs, plan: job.plan, output: path, overwrite: true };
  await using file = await openKeptFile(path);
  throwIfFailed(await preflight(exporter, input, pool.threads, await file.sizeBytes()));
  const draft = await exporter.draft(input);
  const units = unitsOf(draft);
  const toVerify = inputs.checkpoint.tensors.reduce((sum, { bytes }) => sum + bytes, 0);
  const total = draft.totalBytes + toVerify;

  progress.enter('checking');
  const kept = await keptUnits(file, units, context);
  const pending = units.filter(({ index }) => !kept.has(index));
  const keptBytes = draft.totalBytes - sumOf(pending);
  const keptEnd = units.reduce((end, unit) => (kept.has(unit.index) ? unit.offset + unit.bytes : end), 0);
  await journal.append({
    type: 'prepared',
    ...{ versions, device, fresh: kept.size === 0, kept: kept.size, units: units.length, bytes: draft.totalBytes },
  });
  await file.truncate(keptEnd);

  progress.enter('writing', keptBytes);
  const onProgress = (doneBytes: number, _: number, name: string): void =>
    progress.report(keptBytes + doneBytes, total, name);
  await writeUnits(inputs, pending, { file, journal, pool, keptEnd }, { signal, onProgress });
  await file.sync();

  progress.enter('verifying', draft.totalBytes);
  const report = await verifyWritten(
    { checkpoint: inputs.checkpoint, output: join(paths.out, job.output) },
    draft,
    path,
    {
      ...{ pool, signal },
      onProgress: (doneBytes, _, name) => progress.report(doneBytes, total, name),
    },
  );
  const verify = { ...report, exported: join(paths.out, job.output) };
  await writeTextFile(paths.report, `${JSON.stringify(spellFigures(verify))}\n`);
  await checkUnchanged(inputs.checkpoint.files);
  throwIfCancelled(signal, 'job');
  await removeOthers(paths.partial, job.output);
  await moveFolder(paths.partial, paths.out);
  const parameters = countParameters(inputs.checkpoint.tensors);
  const result = {
    bytes: draft.totalBytes,
    bitsPerWeight: (draft.totalBytes * 8) / Math.max(1, parameters),
    seconds: (performance.now() - began) / 1000,
  };
  const { compared, identical, worstSqnr, meanSqnr } = verify;
  await journal.append({ type: 'succeeded', ...result, ...{ compared, identical, worstSqnr, meanSqnr } });
  await journal.sync();
  return { ...result, output: verify.exported, verify };
}

/** What attempts left that were killed while they looked whether they can write. */
async function removeOthers(folder: string, output: string): Promise<void> {
  for (const name of await listFolder(folder)) if (name !== output) await removeTree(join(folder, name));
}

/**
 * Killed between giving the output its name and saying so, the output is the unfinished one again.
 * @throws OUTPUT_EXISTS when `out` is not this job's
 */
async function findPartial({ folder, partial, out }: JobPaths, begun: boolean): Promise<void> {
  if (await pathExists(out)) {
    if (!begun || (await pathExists(partial)))
      throw new QuantscopeError('OUTPUT_EXISTS', `${basename(folder)}: out exists already, the job has not made it`);
    await moveFolder(out, partial);
  }
  await makeFolder(partial);
}

/** Units of another version of the product are not kept: its encoders may round otherwise. */
async function keptUnits(
  file: KeptFile,
  units: ReturnType<typeof unitsOf>,
  { journal, summary, versions, signal, progress }: AttemptContext,
): Promise<ReadonlySet<number>> {
  if (summary.units.size === 0) return new Set();
  const before = summary.prepared?.versions.quantscope;
  if (before !== versions.quantscope) {
    await journal.append({
      type: 'note',
      message: `written by Quantscope ${before ?? 'of unknown version'}, this is ${versions.quantscope}: begun anew`,
    });
    return new Set();
  }
  const onProgress = progress.report.bind(progress);
  const good = await checkUnits(file, units, summary.units, { signal, onProgress });
  if (good === null) {
    await journal.append({ type: 'note', message: 'the file would be laid out differently now: begun anew' });
    return new Set();
  }
  const damaged = summary.units.size - good.size;
  if (damaged > 0)
    await journal.append({ type: 'note', message: `${damaged} units are not what was written: written again` });
  return good;
}
