// A new job: its whole plan checked before the first byte, then a folder that says what is to be done.

import { randomUUID } from 'node:crypto';
import { basename, dirname, resolve } from 'node:path';
import { matchPlan } from '../allocation/planMatch.ts';
import { isQuantscopeError } from '../base/errors.ts';
import type { ExportCheck } from '../export/exporter.ts';
import { type Preflight, preflight, throwIfFailed } from '../export/preflight.ts';
import { EXPORTERS } from '../export/registry.ts';
import { unitsOf } from '../export/units.ts';
import { pathExists } from '../io/folder.ts';
import type { RunSettings } from '../protocol/calibration.ts';
import { JOB_VERSION, type Job, type JobWish, type Versions } from '../protocol/jobs.ts';
import { zSlurmSettings } from '../protocol/slurm.ts';
import { resolveDevice } from './device.ts';
import { isJobFolder, type JobPaths, writeJobFolder } from './jobFolder.ts';
import type { JobInputs } from './jobInputs.ts';
import type { RunnerCommand } from './launchers/launcher.ts';
import { LAUNCHER } from './launchers/registry.ts';
import { licenseOf } from './license.ts';

export interface NewJob extends Omit<JobWish, 'model' | 'calibrated' | 'rounding'> {
  readonly inputs: JobInputs;
  /** How many workers the runner will have. */
  readonly workers: number;
}

/** Every check is made, also after one failed. */
export async function preflightJob(wish: NewJob): Promise<Preflight> {
  const { inputs, plan, folder } = wish;
  const own = [await folderCheck(folder), await deviceCheck(wish), await launcherCheck(wish)];
  const input = { ...inputs, plan, output: resolve(folder), overwrite: false };
  const { checks, bytes } = await preflight(EXPORTERS[wish.format], input, wish.workers);
  const fresh = own[0]?.ok === true;
  // What is wrong with a folder that exists has been said.
  const all = [...own, ...checks.filter(({ name, ok }) => fresh || ok || name !== 'Output'), licenseCheck(wish)];
  return { checks: all, ok: all.every(({ ok }) => ok), bytes };
}

/**
 * @param command what the launcher is to run, for a job folder
 * @throws the first failing check, PLAN_MISMATCH, OUTPUT_EXISTS, OUTPUT_INVALID, DISK_FULL
 */
export async function createJob(
  wish: NewJob,
  versions: Versions,
  command: (folder: string) => RunnerCommand,
): Promise<{ paths: JobPaths; job: Job }> {
  const { inputs, plan, format, importance } = wish;
  const { checkpoint, rounding } = inputs;
  const folder = resolve(wish.folder);
  matchPlan(plan, checkpoint, 'plan');
  throwIfFailed(await preflightJob(wish));
  const exporter = EXPORTERS[format];
  const draft = await exporter.draft({ ...inputs, plan, output: folder, overwrite: false });
  const { name, fingerprint, files } = checkpoint;
  const { program, args } = command(folder);
  const job: Job = {
    kind: 'quantscope.job',
    version: JOB_VERSION,
    id: randomUUID(),
    name: `${name}, ${plan.solution.bitsPerWeight.toFixed(2)} bits per weight${rounding === undefined ? '' : ', GPTQ'}`,
    createdAt: new Date().toISOString(),
    model: {
      path: resolve(checkpoint.path),
      name,
      fingerprint,
      files: files.map((file) => ({ ...file, path: resolve(file.path) })),
    },
    importance:
      importance === null || inputs.importance === undefined
        ? null
        : { path: resolve(importance), name: inputs.importance.name, id: inputs.importance.id },
    ...(rounding && {
      rounding: { method: rounding.method, settings: withWholePath(rounding.settings), id: rounding.id },
    }),
    plan,
    format,
    output: wish.output ?? outputName(name, exporter.suffix),
    device: wish.device,
    threads: wish.threads,
    gpuBufferMiB: wish.gpuBufferMiB ?? null,
    launcher: wish.launcher,
    ...(wish.launcher === 'slurm' ? { slurm: wish.slurm ?? zSlurmSettings.parse({}) } : {}),
    command: { program, args: [...args] },
    versions,
    expected: { bytes: draft.totalBytes, units: unitsOf(draft).length },
  };
  return { paths: await writeJobFolder(folder, job), job };
}

/** The runner may be started anywhere. */
function withWholePath(settings: RunSettings): RunSettings {
  const { text } = settings;
  return text.kind === 'file' ? { ...settings, text: { ...text, path: resolve(text.path) } } : settings;
}

/** Names of models may hold anything; a file's may not. */
function outputName(model: string, suffix: string): string {
  const plain = model.replace(/[/\\\p{Cc}]/gu, '_').slice(0, 60);
  return `${/^\.*$/.test(plain) ? 'model' : plain}${suffix}`;
}

async function folderCheck(folder: string): Promise<ExportCheck> {
  const path = resolve(folder);
  const exists = await pathExists(path);
  const goOn = exists && (await isJobFolder(path)) ? ', and is a job: "job resume" goes on with it' : '';
  const message = exists ? `${basename(path)}: exists already in ${dirname(path)}${goOn}` : `${path} is new`;
  return { name: 'Job folder', ok: !exists, message, code: 'OUTPUT_EXISTS' };
}

async function deviceCheck({ device, launcher }: NewJob): Promise<ExportCheck> {
  // Another machine's can only be looked at there, by its runner.
  if (launcher !== 'local') {
    const message = `${device}: looked for where the job runs`;
    return { name: 'Device', ok: true, message, code: 'DEVICE_UNAVAILABLE' };
  }
  try {
    const { kind, name } = await resolveDevice(device);
    return { name: 'Device', ok: true, message: `${kind}: ${name}`, code: 'DEVICE_UNAVAILABLE' };
  } catch (error) {
    if (!isQuantscopeError(error)) throw error;
    return { name: 'Device', ok: false, message: error.message, code: error.code };
  }
}

async function launcherCheck({ launcher, slurm }: NewJob): Promise<ExportCheck> {
  const { code, ...check } = await LAUNCHER[launcher].check(slurm);
  return { ...check, code: code ?? 'LAUNCH_FAILED' };
}

/** Nobody's to decide but the user's: told, never refused. */
function licenseCheck({ inputs: { checkpoint } }: NewJob): ExportCheck {
  const license = licenseOf(checkpoint);
  const message =
    license === null ? 'the model states none; the output falls under its terms' : `the output falls under ${license}`;
  return { name: 'License', ok: true, message, code: 'INTERNAL' };
}
