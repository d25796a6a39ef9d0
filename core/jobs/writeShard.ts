// One attempt at a shard: its units, into the output all shards share. Whatever lies between them is others'.

import { join } from 'node:path';
import { checkUnchanged } from '../io/fileIdentity.ts';
import { openKeptFile } from '../io/keptFile.ts';
import { makeFolder } from '../io/moveFolder.ts';
import type { Job } from '../protocol/jobs.ts';
import type { JobPaths } from './jobFolder.ts';
import type { JobInputs } from './jobInputs.ts';
import { type AttemptContext, keptUnits, layOut } from './layOut.ts';
import { roundUnits } from './roundUnits.ts';
import { type Shard, unitsOfShard } from './shards.ts';
import { sumOf, writeUnits } from './writeUnits.ts';

export interface ShardResult {
  readonly units: number;
  readonly bytes: number;
}

/** @throws what preflight, encoding and writing throw */
export async function writeShard(
  shard: Shard,
  paths: JobPaths,
  job: Job,
  inputs: JobInputs,
  context: AttemptContext,
): Promise<ShardResult> {
  const { journal, summary, pool, progress, signal, versions } = context;
  await makeFolder(paths.partial);
  const path = join(paths.partial, job.output);
  await using file = await openKeptFile(path);
  // Room for the whole output was looked for when the job was made; how much of it is missing now, no shard can tell.
  await using laidOut = await layOut(path, job, inputs, context, Number.POSITIVE_INFINITY);
  const { device, rowEncoder, units, layout } = laidOut;
  const mine = unitsOfShard(units, shard);
  const bytes = sumOf(mine);
  progress.enter('checking');
  const kept = await keptUnits(file, mine, layout, summary, context);
  const pending = mine.filter(({ index }) => !kept.has(index));
  const keptBytes = bytes - sumOf(pending);
  await journal.append({
    type: 'prepared',
    ...{ versions, device, layout, fresh: kept.size === 0, kept: kept.size, units: mine.length, bytes },
  });
  await roundUnits(inputs, pending, context);
  progress.enter('writing', keptBytes);
  await writeUnits(
    { ...inputs, rowEncoder },
    pending,
    { file, journal, pool, keptEnd: null },
    {
      signal,
      onProgress: (doneBytes, _, name) => progress.report(keptBytes + doneBytes, bytes, name),
    },
  );
  await file.sync();
  await checkUnchanged(inputs.checkpoint.files);
  await journal.append({ type: 'written', units: mine.length, bytes });
  await journal.sync();
  return { units: mine.length, bytes };
}
