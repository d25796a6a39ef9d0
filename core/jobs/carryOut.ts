// One attempt's work: check the whole plan, keep what earlier attempts wrote, write the rest, verify, give it its name.

import { basename, join } from 'node:path';
import { throwIfCancelled } from '../base/cancellation.ts';
import { QuantscopeError } from '../base/errors.ts';
import { countParameters } from '../checkpoint/checkpoint.ts';
import type { ExportUnit } from '../export/units.ts';
import { verifyWritten } from '../export/verify/verifyWritten.ts';
import { checkUnchanged } from '../io/fileIdentity.ts';
import { listFolder, pathExists } from '../io/folder.ts';
import { type KeptFile, openKeptFile } from '../io/keptFile.ts';
import { makeFolder, moveFolder, removeTree } from '../io/moveFolder.ts';
import { writeTextFile } from '../io/textFile.ts';
import { spellFigures } from '../protocol/figures.ts';
import type { Job } from '../protocol/jobs.ts';
import type { ExportResult } from '../protocol/objects.ts';
import { roundingFacts } from '../quant/rounding/rounding.ts';
import type { JobPaths } from './jobFolder.ts';
import type { JobInputs } from './jobInputs.ts';
import { summaryOf } from './journalSummary.ts';
import { type AttemptContext, keptUnits, layOut } from './layOut.ts';
import { roundUnits } from './roundUnits.ts';
import { refuseLive } from './runnerFiles.ts';
import { shardsOf } from './shards.ts';
import { sumOf, writeUnits } from './writeUnits.ts';

/** @throws what preflight, encoding, writing and verifying throw */
export async function carryOut(
  paths: JobPaths,
  job: Job,
  inputs: JobInputs,
  context: AttemptContext,
): Promise<ExportResult> {
  const { journal, summary, pool, progress, signal, versions } = context;
  const began = performance.now();
  await findPartial(paths, summary.units.size > 0);
  const path = join(paths.partial, job.output);
  await using file = await openKeptFile(path);
  await using laidOut = await layOut(path, job, inputs, context, await file.sizeBytes());
  const { device, rowEncoder, draft, units, layout } = laidOut;

  progress.enter('checking');
  const own = await keptUnits(file, units, layout, summary, context);
  await journal.append({
    type: 'prepared',
    ...{
      versions,
      device,
      layout,
      fresh: own.size === 0,
      kept: own.size,
      units: units.length,
      bytes: draft.totalBytes,
    },
  });
  const missing = units.filter(({ index }) => !own.has(index));
  const kept = new Set([...own, ...(await adoptShards(paths, file, missing, layout, context))]);
  const pending = units.filter(({ index }) => !kept.has(index));
  const keptBytes = draft.totalBytes - sumOf(pending);
  const keptEnd = units.reduce((end, unit) => (kept.has(unit.index) ? unit.offset + unit.bytes : end), 0);
  await file.truncate(keptEnd);

  await roundUnits(inputs, pending, context);
  progress.enter('writing', keptBytes);
  const onProgress = (doneBytes: number, _: number, name: string): void =>
    progress.report(keptBytes + doneBytes, draft.totalBytes, name);
  await writeUnits({ ...inputs, rowEncoder }, pending, { file, journal, pool, keptEnd }, { signal, onProgress });
  await file.sync();

  progress.enter('verifying');
  const report = await verifyWritten(
    { checkpoint: inputs.checkpoint, output: join(paths.out, job.output) },
    draft,
    path,
    {
      ...{ pool, signal },
      // Its count goes on from the bytes that were written; every phase of a job has a count of its own.
      onProgress: (doneBytes, totalBytes, name) =>
        progress.report(doneBytes - draft.totalBytes, totalBytes - draft.totalBytes, name),
    },
  );
  const verify = { ...report, exported: join(paths.out, job.output) };
  await writeTextFile(paths.report, `${JSON.stringify(spellFigures(verify))}\n`);
  await checkUnchanged(inputs.checkpoint.files);
  throwIfCancelled(signal, 'job');
  await removeOthers(paths.partial, job.output);
  await moveFolder(paths.partial, paths.out);
  await removeTree(paths.shards);
  await removeTree(paths.rounded);
  const parameters = countParameters(inputs.checkpoint.tensors);
  const result = {
    bytes: draft.totalBytes,
    bitsPerWeight: (draft.totalBytes * 8) / Math.max(1, parameters),
    seconds: (performance.now() - began) / 1000,
  };
  const { compared, identical, worstSqnr, meanSqnr } = verify;
  await journal.append({ type: 'succeeded', ...result, ...{ compared, identical, worstSqnr, meanSqnr } });
  await journal.sync();
  const rounding = inputs.rounding && { rounding: roundingFacts(inputs.rounding) };
  return { ...result, output: verify.exported, verify, ...rounding };
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

/**
 * Of these units, those that shards wrote and that are still as they wrote them become this journal's.
 * @throws JOB_RUNNING while a shard is being written
 */
async function adoptShards(
  paths: JobPaths,
  file: KeptFile,
  units: readonly ExportUnit[],
  layout: string,
  context: AttemptContext,
): Promise<ReadonlySet<number>> {
  const adopted = new Set<number>();
  for (const shard of await shardsOf(paths)) {
    await refuseLive(shard);
    const summary = await summaryOf(shard.journal);
    const good = await keptUnits(file, units, layout, summary, context);
    for (const index of good) {
      const record = summary.units.get(index);
      if (record === undefined || adopted.has(index)) continue;
      const { unit, name, offset, bytes, crc32 } = record;
      await context.journal.append({ type: 'unit', unit, name, offset, bytes, crc32 });
      adopted.add(index);
    }
  }
  return adopted;
}
