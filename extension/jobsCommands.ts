// The commands about jobs: start one from a plan; stop, go on, look at, compare and forget one of the list.

import * as vscode from 'vscode';
import type { JobStatus } from '../core/protocol/jobs.ts';
import { announceFailure } from './announce.ts';
import { askForExport, type ChooseModel, type ExportOptions } from './exportCommand.ts';
import { revealFile } from './hostCalls.ts';
import { type JobOptions, prepareAgain, prepareJob, requireTrust, type Submission } from './jobsRun.ts';
import { describeJob, jobName } from './jobsText.ts';
import type { Services } from './services.ts';
import { verify } from './verifyCommand.ts';

export function registerJobCommands(
  services: Services,
  uriOf: (item: unknown) => vscode.Uri | undefined,
  chooseModel: ChooseModel,
): vscode.Disposable {
  const { jobs, log } = services;
  const t = vscode.l10n.t;
  const register = (name: string, what: string, run: (...args: never[]) => Promise<unknown>): vscode.Disposable =>
    vscode.commands.registerCommand(`quantscope.${name}`, async (...args: never[]) => {
      try {
        requireTrust();
        return await run(...args);
      } catch (error) {
        void announceFailure(what, error, log);
        return undefined;
      }
    });
  /** A command about one job: given by the tree, else chosen from the list. */
  const onJob = (name: string, what: string, run: (job: JobStatus) => Promise<unknown>): vscode.Disposable =>
    register(name, what, async (item?: unknown) => {
      const folder = folderOf(item) ?? (await pickJob(services));
      return folder === undefined ? undefined : run(await jobs.status(folder));
    });
  /** A machine that is full or a cluster that is down is not a reason to answer every question again. */
  const orRetry = async (what: string, submit: Submission, again = false): Promise<JobStatus | undefined> => {
    try {
      return await submit(again);
    } catch (error) {
      await jobs.watch.refresh();
      void announceFailure(what, error, log, { [t('Retry')]: () => orRetry(what, submit, true) });
      return undefined;
    }
  };

  return vscode.Disposable.from(
    register('runJob', t('Run as a job'), async (item?: unknown, options?: ExportOptions & JobOptions) => {
      const wanted = await askForExport(services, uriOf(item), options ?? {}, chooseModel);
      const submit = wanted && (await prepareJob(services, jobs, wanted, options ?? {}));
      return submit && orRetry(t('Run as a job'), submit);
    }),
    register('refreshJobs', t('Refresh jobs'), () => jobs.watch.refresh()),
    onJob('cancelJob', t('Cancel job'), ({ folder }) => jobs.cancel(folder)),
    onJob('resumeJob', t('Resume job'), ({ folder }) => orRetry(t('Resume job'), () => jobs.resume(folder))),
    onJob('rerunJob', t('Run again'), async ({ folder }) =>
      orRetry(t('Run again'), await prepareAgain(services, jobs, folder)),
    ),
    onJob('showJobLog', t('Show log of job'), (job) => jobs.log.show(job)),
    onJob('compareJob', t('Compare with original'), ({ model, output }) =>
      verify(services, vscode.Uri.file(model), vscode.Uri.file(output)),
    ),
    onJob('revealJob', t('Open folder of job'), ({ folder, state, output }) =>
      revealFile(vscode.Uri.file(state === 'succeeded' ? output : folder)),
    ),
    onJob('openJob', t('Open result of job'), async ({ output }) => {
      await vscode.commands.executeCommand('quantscope.openExport', { resourceUri: vscode.Uri.file(output) });
    }),
    onJob('forgetJob', t('Remove from list'), ({ folder }) => jobs.forget(folder)),
  );
}

function folderOf(item: unknown): string | undefined {
  if (typeof item !== 'object' || item === null || !('folder' in item)) return undefined;
  return typeof item.folder === 'string' ? item.folder : undefined;
}

async function pickJob({ jobs }: Services): Promise<string | undefined> {
  await jobs.watch.refresh();
  const items = jobs.watch.jobs.map((job) => ({
    label: jobName(job),
    description: describeJob(job),
    folder: job.folder,
  }));
  const placeHolder = items.length === 0 ? vscode.l10n.t('There are no jobs') : vscode.l10n.t('Which job');
  return (await vscode.window.showQuickPick(items, { placeHolder }))?.folder;
}
