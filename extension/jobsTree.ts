// The tree of jobs in the side bar.

import { existsSync } from 'node:fs';
import * as vscode from 'vscode';
import type { JobStatus } from '../core/protocol/jobs.ts';
import { detailRows, type JobRow, jobRow } from './jobsItems.ts';
import type { JobsLog } from './jobsLog.ts';
import type { JobsWatch } from './jobsWatch.ts';

export type JobNode = { kind: 'job'; folder: string } | { kind: 'detail'; folder: string; row: JobRow };

export class JobsTree implements vscode.TreeDataProvider<JobNode> {
  readonly #watch: JobsWatch;
  readonly #log: JobsLog;
  readonly #changed = new vscode.EventEmitter<undefined>();
  readonly onDidChangeTreeData = this.#changed.event;
  #drawn = '';

  constructor(watch: JobsWatch, log: JobsLog) {
    this.#watch = watch;
    this.#log = log;
  }

  /** Only what changed is drawn again: a tree redrawn every second cannot be used. */
  update(): void {
    const now = JSON.stringify(this.#watch.jobs.map((job) => [jobRow(job), this.#details(job)]));
    if (now === this.#drawn) return;
    this.#drawn = now;
    this.#changed.fire(undefined);
  }

  /** At the next update, whether anything has changed or not. */
  drawAgain(): void {
    this.#drawn = '';
  }

  async getChildren(node?: JobNode): Promise<JobNode[]> {
    if (node === undefined) return this.#watch.jobs.map(({ folder }) => ({ kind: 'job', folder }));
    const job = this.#watch.find(node.folder);
    if (node.kind === 'detail' || job === undefined) return [];
    // The log of a finished job is read when somebody opens it.
    await this.#log.follow(job).catch(() => undefined);
    return this.#details(job).map((row) => ({ kind: 'detail', folder: job.folder, row }));
  }

  getTreeItem(node: JobNode): vscode.TreeItem {
    const job = this.#watch.find(node.folder);
    if (node.kind === 'detail') return detailItem(node);
    return job === undefined ? new vscode.TreeItem('') : item(jobRow(job), vscode.TreeItemCollapsibleState.Collapsed);
  }

  #details(job: JobStatus): JobRow[] {
    return detailRows(job, this.#log.lastWords(job.folder));
  }
}

function detailItem({ folder, row }: Extract<JobNode, { kind: 'detail' }>): vscode.TreeItem {
  const drawn = item(row, vscode.TreeItemCollapsibleState.None);
  if (row.opens !== undefined && existsSync(row.opens)) {
    const target = { resourceUri: vscode.Uri.file(row.opens) };
    drawn.command = { command: 'quantscope.openExport', title: vscode.l10n.t('Open'), arguments: [target] };
  } else if (row.showsLog) {
    drawn.command = { command: 'quantscope.showJobLog', title: vscode.l10n.t('Show Log'), arguments: [{ folder }] };
  }
  return drawn;
}

function item(row: JobRow, state: vscode.TreeItemCollapsibleState): vscode.TreeItem {
  const drawn = new vscode.TreeItem(row.label, state);
  drawn.id = row.id;
  drawn.description = row.description;
  drawn.tooltip = row.tooltip;
  // Otherwise a screen reader is told the tooltip.
  drawn.accessibilityInformation = { label: row.spoken ?? `${row.label} ${row.description}`.trim() };
  drawn.contextValue = row.context;
  drawn.iconPath = new vscode.ThemeIcon(
    row.icon,
    row.color === undefined ? undefined : new vscode.ThemeColor(row.color),
  );
  return drawn;
}
