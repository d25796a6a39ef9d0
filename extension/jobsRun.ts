// "Run as a Job": a plan, a model, a place and a folder become a job; every check is looked at before anything is made.

import { basename, dirname, join } from 'node:path';
import * as vscode from 'vscode';
import { QuantscopeError } from '../core/protocol/failures.ts';
import { type JobStatus, type JobWish, LAUNCHERS, type LauncherName, zJob } from '../core/protocol/jobs.ts';
import type { ExportFormat } from '../core/protocol/objects.ts';
import { zFailure } from '../core/protocol/objects.ts';
import type { Plan } from '../core/protocol/plan.ts';
import { withModel } from './engineModel.ts';
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
}

/** @returns the job, or undefined when the user dismissed a question. @throws what keeps it from being started */
export async function runAsJob(
  services: Services,
  jobs: Jobs,
  { model, plan, format, name }: PlannedExport,
  options: JobOptions,
): Promise<JobStatus | undefined> {
  requireTrust();
  const launcher = options.launcher ?? (await pickLauncher());
  if (launcher === undefined) return undefined;
  const folder = options.folder ?? (await pickFolder(model, name));
  if (folder === undefined) return undefined;
  const { device, threads } = jobDefaults();
  const wish: JobWish = {
    ...{ model: model.fsPath, plan, format, folder, launcher },
    output: `${fileName(name)}.${format}`,
    importance: await importanceFile(services, model, folder),
    device: options.device ?? device,
    threads: options.threads ?? threads,
    ...(launcher === 'slurm' ? { slurm: slurmSettings() } : {}),
  };
  return startWish(services, jobs, wish);
}

/** The same once more, from the description of a job, in a folder beside it. */
export async function runAgain(services: Services, jobs: Jobs, folder: string): Promise<JobStatus | undefined> {
  requireTrust();
  const { model, plan, format, output, importance, device, threads, launcher, slurm } = await readJob(folder);
  const name = basename(folder).replace(ENDING, '').replace(/-\d+$/, '');
  const wish = { plan, format, output, device, threads, launcher, model: model.path };
  const next = await freeFolder(dirname(folder), name);
  const more = slurm === undefined ? {} : { slurm };
  return startWish(services, jobs, { ...wish, ...more, importance: importance?.path ?? null, folder: next });
}

/** @throws every failing check in one sentence */
async function startWish(services: Services, jobs: Jobs, wish: JobWish): Promise<JobStatus | undefined> {
  if (!(await agreeToMore(jobs))) return undefined;
  const { engine } = services;
  const name = basename(wish.folder);
  const status = await vscode.window.withProgress(
    { location: { viewId: 'quantscope.jobs' }, title: vscode.l10n.t('Checking {0}', name) },
    async () => {
      const { checks, ok } = await engine.call('jobPreflight', { wish });
      const failed = checks.filter((check) => !check.ok);
      if (!ok) {
        const code = zFailure.shape.code.safeParse(failed[0]?.code).data ?? 'USAGE';
        throw new QuantscopeError(code, failed.map(({ message }) => message).join('; '));
      }
      return engine.call('jobStart', { wish });
    },
  );
  jobs.started(status.folder);
  await vscode.commands.executeCommand('quantscope.jobs.focus');
  return status;
}

/** Asks before more jobs run at once than the user's settings want. */
export async function agreeToMore(jobs: Jobs): Promise<boolean> {
  const { maxRunning } = jobDefaults();
  await jobs.watch.refresh();
  const running = jobs.watch.active.filter(({ launcher }) => launcher === 'local').length;
  if (maxRunning === 0 || running < maxRunning) return true;
  const anyway = vscode.l10n.t('Start Anyway');
  const question = vscode.l10n.t(
    'Jobs running on this machine: {0}, and the setting quantscope.jobs.maxRunning wants no more than {1}. They share processors and memory.',
    running,
    maxRunning,
  );
  return (await vscode.window.showWarningMessage(question, { modal: true }, anyway)) === anyway;
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

/** As direct exports do, a job weighs columns by the model's calibration: as a file beside it, since it may outlive ours. */
async function importanceFile(services: Services, model: vscode.Uri, folder: string): Promise<string | null> {
  return withModel(services, model, async ({ call }) => {
    const { calibration } = await call('calibration', {});
    if (calibration === null || calibration.stale) return null;
    const { output } = await call('exportImatrix', { output: `${folder}.imatrix.gguf`, overwrite: true });
    return output;
  });
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
