// The part every attempt begins with: the whole plan checked, the file laid out, and what earlier attempts wrote checked.

import { crc32 } from 'node:zlib';
import type { ExportDraft } from '../export/exporter.ts';
import { preflight, throwIfFailed } from '../export/preflight.ts';
import { EXPORTERS } from '../export/registry.ts';
import type { RowEncoder } from '../export/rowEncoder.ts';
import { type ExportUnit, unitsOf } from '../export/units.ts';
import type { KeptFile } from '../io/keptFile.ts';
import type { Gpu } from '../kernels/gpu/device.ts';
import type { Pool } from '../kernels/pool.ts';
import type { Device, Job, Versions } from '../protocol/jobs.ts';
import { openDevice } from './device.ts';
import { GpuRows } from './gpuRows.ts';
import type { JobInputs } from './jobInputs.ts';
import type { JobProgress } from './jobProgress.ts';
import type { Journal } from './journal.ts';
import { hex32 } from './journalRecord.ts';
import type { JournalSummary } from './journalSummary.ts';
import { checkUnits } from './writeUnits.ts';

export interface AttemptContext {
  readonly journal: Journal;
  /** Of the records before this attempt. */
  readonly summary: JournalSummary;
  readonly versions: Versions;
  readonly pool: Pool;
  readonly progress: JobProgress;
  readonly signal: AbortSignal;
}

export interface LaidOut extends AsyncDisposable {
  readonly device: Device;
  /** The GPU, where the device is one. */
  readonly rowEncoder: RowEncoder | undefined;
  readonly draft: ExportDraft;
  readonly units: readonly ExportUnit[];
  /** CRC-32 of the file's head: it names, types and places everything after it. */
  readonly layout: string;
}

/**
 * @param path of the unfinished output
 * @param presentBytes of it that need no more room on the disk
 * @throws what the preflight finds
 */
export async function layOut(
  path: string,
  job: Job,
  inputs: JobInputs,
  { pool, journal, progress }: AttemptContext,
  presentBytes: number,
): Promise<LaidOut> {
  const exporter = EXPORTERS[job.format];
  const input = { ...inputs, plan: job.plan, output: path, overwrite: true };
  throwIfFailed(await preflight(exporter, input, pool.threads, presentBytes));
  const draft = await exporter.draft(input);
  const { device, gpu } = await openDevice(job.device, job.gpuBufferMiB);
  const onNote = (message: string): Promise<void> => journal.append({ type: 'note', message });
  const gpus = gpu === null ? [] : [gpu];
  const openAgain = async (): Promise<Gpu | null> => {
    const again = (await openDevice(job.device, job.gpuBufferMiB)).gpu;
    if (again !== null) gpus.push(again);
    return again;
  };
  if (gpu !== null) progress.gpuBusyMs = () => gpus.reduce((sum, { busyMs }) => sum + busyMs, 0);
  const rowEncoder = gpu === null ? undefined : new GpuRows(gpu, openAgain, onNote);
  return {
    device,
    rowEncoder,
    draft,
    units: unitsOf(draft),
    layout: hex32(crc32(draft.head)),
    async [Symbol.asyncDispose]() {
      await rowEncoder?.[Symbol.asyncDispose]();
    },
  };
}

/**
 * Those of `units` that an earlier attempt wrote and whose bytes are in the file as they were written. Another version's are not kept: its
 * encoders may round otherwise. Nor are those of another layout.
 */
export async function keptUnits(
  file: KeptFile,
  units: readonly ExportUnit[],
  layout: string,
  summary: JournalSummary,
  { journal, versions, signal, progress }: AttemptContext,
): Promise<ReadonlySet<number>> {
  if (!units.some(({ index }) => summary.units.has(index))) return new Set();
  const before = summary.prepared;
  const message =
    before?.versions.quantscope !== versions.quantscope
      ? `written by Quantscope ${before?.versions.quantscope ?? 'of unknown version'}, this is ${versions.quantscope}: begun anew`
      : before.layout !== layout
        ? 'the file would be laid out differently now: begun anew'
        : null;
  if (message !== null) {
    await journal.append({ type: 'note', message });
    return new Set();
  }
  const onProgress = progress.report.bind(progress);
  const good = await checkUnits(file, units, summary.units, { signal, onProgress });
  const damaged = units.filter(({ index }) => summary.units.has(index)).length - good.size;
  if (damaged > 0)
    await journal.append({ type: 'note', message: `${damaged} units are not what was written: written again` });
  return good;
}
