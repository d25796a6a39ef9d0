// The status bar entry while jobs run: how many, how far; a click shows the list.

import * as vscode from 'vscode';
import type { JobStatus } from '../core/protocol/jobs.ts';
import { describeJob, jobName, percentOfAll } from './jobsText.ts';

export class JobsStatus implements vscode.Disposable {
  readonly #item = vscode.window.createStatusBarItem('quantscope.jobs', vscode.StatusBarAlignment.Left, 0);

  constructor() {
    this.#item.name = vscode.l10n.t('Quantscope jobs');
    this.#item.command = 'quantscope.jobs.focus';
  }

  update(active: readonly JobStatus[]): void {
    if (active.length === 0) {
      this.#item.hide();
      return;
    }
    const percent = percentOfAll(active);
    this.#item.text = `$(sync~spin) ${jobsText(active.length)}${percent === null ? '' : ` ${percent} %`}`;
    this.#item.tooltip = active.map((job) => `${jobName(job)}: ${describeJob(job)}`).join('\n');
    this.#item.show();
  }

  dispose(): void {
    this.#item.dispose();
  }
}

function jobsText(count: number): string {
  return count === 1 ? vscode.l10n.t('1 job') : vscode.l10n.t('{0} jobs', count);
}
