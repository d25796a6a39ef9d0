// One message at the end of a job that was started here, also when its end came while no window was open.

import * as vscode from 'vscode';
import * as z from 'zod';
import { bytesText } from '../core/protocol/display.ts';
import type { JobStatus } from '../core/protocol/jobs.ts';
import { isActive, jobName, shown, stateText } from './jobsText.ts';

const KEY = 'quantscope.jobs.awaited';

/** Folders of jobs whose end has not been told yet. Kept with the workspace, so that one window tells it. */
export class AwaitedJobs {
  readonly #memento: vscode.Memento;

  constructor(memento: vscode.Memento) {
    this.#memento = memento;
  }

  get folders(): readonly string[] {
    const parsed = z.array(z.string()).safeParse(this.#memento.get(KEY));
    return parsed.success ? parsed.data : [];
  }

  async add(folder: string): Promise<void> {
    await this.#memento.update(KEY, [...new Set([...this.folders, folder])]);
  }

  async remove(folder: string): Promise<void> {
    await this.#memento.update(
      KEY,
      this.folders.filter((other) => other !== folder),
    );
  }

  /** Those that have come to an end; they are awaited no longer. */
  async takeEnded(jobs: readonly JobStatus[]): Promise<JobStatus[]> {
    const awaited = new Set(this.folders);
    const ended = jobs.filter((job) => awaited.has(job.folder) && !isActive(job));
    if (ended.length === 0) return [];
    const folders = new Set(ended.map(({ folder }) => folder));
    await this.#memento.update(
      KEY,
      this.folders.filter((folder) => !folders.has(folder)),
    );
    return ended;
  }
}

/** Nothing is said about a job the user stopped. */
export async function announceEnd(job: JobStatus): Promise<void> {
  const { state, result, failure, folder, output } = job;
  const node = { folder };
  if (state === 'succeeded' && result !== null) {
    const [open, compare] = [vscode.l10n.t('Open'), vscode.l10n.t('Compare with Original')];
    const message = vscode.l10n.t(
      'Job {0} is finished: {1}, {2} bits per weight, verified against the original.',
      jobName(job),
      bytesText(result.bytes),
      result.bitsPerWeight.toFixed(2),
    );
    const chosen = await vscode.window.showInformationMessage(message, open, compare);
    if (chosen === open)
      await vscode.commands.executeCommand('quantscope.openExport', { resourceUri: vscode.Uri.file(output) });
    if (chosen === compare) await vscode.commands.executeCommand('quantscope.compareJob', node);
  } else if (state === 'failed' || state === 'lost') {
    const [showLog, resume] = [vscode.l10n.t('Show Log'), vscode.l10n.t('Resume')];
    const reason = failure === null ? stateText(state) : shown(failure.message);
    const chosen = await vscode.window.showErrorMessage(
      vscode.l10n.t('Job {0}: {1}', jobName(job), reason),
      showLog,
      resume,
    );
    if (chosen === showLog) await vscode.commands.executeCommand('quantscope.showJobLog', node);
    if (chosen === resume) await vscode.commands.executeCommand('quantscope.resumeJob', node);
  }
}
