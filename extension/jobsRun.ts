// "Run as a Job": a plan, a model, a place and a folder become a job; every check is looked at before anything is made.

import { basename, dirname, join } from 'node:path';
import * as vscode from 'vscode';
import { QuantscopeError } from '../core/protocol/failures.ts';
import { type JobStatus, type JobWish, LAUNCHERS, type LauncherName, zJob } from '../core/protocol/jobs.ts';
import type { ExportFormat, RoundingMethod } from '../core/protocol/objects.ts';
import { zFailure } from '../core/protocol/objects.ts';
import type { Plan } from '../core/protocol/plan.ts';
import type { Jobs } from './jobs.ts';
import { launcherText } from './jobsText.ts';
import type { Services } from './services.ts';
import { jobDefaults, slurmSettings } from './settings.ts';

const ENDING = '.job';

/** Asked of the user where absent. */
export interface JobOptions {
  launcher?: LauncherName;
  /** Must not exist. */
  folder?: string;
  device?: JobWish['device'];
  threads?: number;
}

export interface PlannedExport {
  readonly model: vscode.Uri;
  readonly plan: Plan;
  readonly format: ExportFormat;
  /** Of the job's folder and of the file in it, without an ending. */
  readonly name: string;
  readonly rounding?: RoundingMethod | undefined;
}

/** Makes a job and starts it. Asked again after a failure, it goes on with what the first time made. */
export type Submission = (again: boolean) => Promise<JobStatus>;

/** @returns undefined when the user dismissed a question. @throws in a restricted workspace */
export async function prepareJob(
  services: Services,
  jobs: Jobs,
  { model, plan, format, name, rounding }: PlannedExport,
  options: JobOptions,
): Promise<Submission | undefined> {
  requireTrust();
  const launcher = options.launcher ?? (await pickLauncher());
  if (launcher === undefined) return undefined;
  const folder = options.folder ?? (await pickFolder(model, name));
  if (folder === undefined) return undefined;
  return (again) => {
    // Read at every try: settings may be what is to be put right.
    const { device, threads, gpuBufferMiB } = jobDefaults();
    const wish: JobWish = {
      ...{ model: model.fsPath, plan, format, folder, launcher },
      output: `${fileName(name)}.${format}`,
      // As direct exports do, a job weighs columns by the model's calibration.
      ...{ importance: null, calibrated: true },
      ...(rounding && { rounding: { method: rounding, settings: null } }),
      device: options.device ?? device,
      threads: options.threads ?? threads,
      gpuBufferMiB,
      ...(launcher === 'slurm' ? { slurm: slurmSettings() } : {}),
    };
    return submit(services, jobs, wish, again);
  };
}

/** The same once more, from the description of a job, in a folder beside it. */
export async function prepareAgain(services: Services, jobs: Jobs, folder: string): Promise<Submission> {
  requireTrust();
  const { model, plan, format, output, importance, rounding, device, threads, gpuBufferMiB, launcher, slurm } =
    await readJob(folder);
  const name = basename(folder).replace(ENDING, '').replace(/-\d+$/, '');
  const wish = { plan, format, output, device, threads, gpuBufferMiB, launcher, model: model.path };
  const next = await freeFolder(dirname(folder), name);
  const more = { ...(slurm && { slurm }), ...(rounding && { rounding }) };
  // What weighed columns then does so again, whatever the model was calibrated with since.
  const matrix = { importance: importance?.path ?? null, calibrated: false };
  return (again) => submit(services, jobs, { ...wish, ...more, ...matrix, folder: next }, again);
}

/** @throws every failing check in one sentence, or why the launcher did not take the job */
async function submit({ engine }: Services, jobs: Jobs, wish: JobWish, again: boolean): Promise<JobStatus> {
  const { folder } = wish;
  const made = again ? await engine.call('jobStatus', { folder }).catch(() => null) : null;
  if (made !== null && !made.launched) return jobs.resume(folder);
  const status = await vscode.window.withProgress(
    { location: { viewId: 'quantscope.jobs' }, title: vscode.l10n.t('Checking {0}', basename(folder)) },
    async () => {
      const { checks, ok } = await engine.call('jobPreflight', { wish });
      const failed = checks.filter((check) => !check.ok);
      if (!ok) {
        const code = zFailure.shape.code.safeParse(failed[0]?.code).data ?? 'USAGE';
        throw new QuantscopeError(code, failed.map(({ message }) => message).join('; '));
      }
      await jobs.tellLimit();
      return engine.call('jobStart', { wish });
    },
  );
  jobs.started(status.folder);
  await vscode.commands.executeCommand('quantscope.jobs.focus');
  return status;
}

export function requireTrust(): void {
  if (vscode.workspace.isTrusted) return;
  throw new Error(vscode.l10n.t('Jobs are off in a restricted workspace: trust the workspace to run them.'));
}

async function pickLauncher(): Promise<LauncherName | undefined> {
  const choices = LAUNCHERS.map((launcher) => ({ label: launcherText(launcher), launcher }));
  if (choices.length === 1) return choices[0]?.launcher;
  return (await vscode.window.showQuickPick(choices, { placeHolder: vscode.l10n.t('Where to run the job') }))?.launcher;
}

async function pickFolder(model: vscode.Uri, name: string): Promise<string | undefined> {
  const suggested = await freeFolder(dirname(model.fsPath), fileName(name));
  const chosen = await vscode.window.showSaveDialog({
    defaultUri: vscode.Uri.file(suggested),
    title: vscode.l10n.t('Folder of the job: what it writes, and its journal'),
    saveLabel: vscode.l10n.t('Start Job'),
  });
  return chosen?.fsPath;
}

/** "name.job", "name-2.job", …: the first that is not there. */
async function freeFolder(parent: string, name: string): Promise<string> {
  for (let count = 1; ; count++) {
    const folder = join(parent, `${name}${count === 1 ? '' : `-${count}`}${ENDING}`);
    const exists = await vscode.workspace.fs.stat(vscode.Uri.file(folder)).then(
      () => true,
      () => false,
    );
    if (!exists) return folder;
  }
}

async function readJob(folder: string) {
  const file = vscode.Uri.file(join(folder, 'job.json'));
  const parsed = zJob.safeParse(JSON.parse(new TextDecoder().decode(await vscode.workspace.fs.readFile(file))));
  if (!parsed.success)
    throw new QuantscopeError('JOB_INVALID', `${basename(folder)}/job.json: not a job of this version`);
  return parsed.data;
}

/** A plain name of a file, whatever the model is called. */
function fileName(name: string): string {
  return (
    name
      .replaceAll(/[^\p{L}\p{N}._ +-]+/gu, '-')
      .replace(/^\.+/, '')
      .slice(0, 200) || 'model'
  );
}
