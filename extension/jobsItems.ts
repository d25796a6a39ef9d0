// What the tree shows of a job, as plain data: icon by state, one line, and below it what it does, where, and its last words.

import { basename } from 'node:path';
import * as vscode from 'vscode';
import type { JobState, JobStatus } from '../core/protocol/jobs.ts';
import {
  amountText,
  describeJob,
  deviceText,
  gpuText,
  isRefused,
  jobName,
  launcherText,
  left,
  phaseAndShare,
  processorText,
  progressBar,
  shown,
  stateText,
} from './jobsText.ts';

export interface JobRow {
  readonly id: string;
  readonly label: string;
  readonly description: string;
  readonly tooltip: string;
  /** What a screen reader says instead of label and description. */
  readonly spoken?: string;
  readonly icon: string;
  /** A theme colour; the foreground when absent. */
  readonly color?: string;
  readonly context: string;
  /** A file to open with a click. */
  readonly opens?: string;
  /** A click shows the job's log. */
  readonly showsLog?: boolean;
}

const ICONS: Readonly<Record<JobState, { icon: string; color?: string }>> = {
  queued: { icon: 'clock' },
  running: { icon: 'sync~spin' },
  paused: { icon: 'debug-pause' },
  succeeded: { icon: 'pass', color: 'testing.iconPassed' },
  failed: { icon: 'error', color: 'testing.iconFailed' },
  cancelled: { icon: 'circle-slash' },
  lost: { icon: 'warning', color: 'list.warningForeground' },
};

/** The context says the state, which decides what can be done: `quantscope.job.running`, or `…refused`. */
export function jobRow(status: JobStatus): JobRow {
  return {
    id: status.folder,
    label: jobName(status),
    description: describeJob(status),
    tooltip: tooltip(status),
    ...ICONS[status.state],
    context: `quantscope.job.${isRefused(status) ? 'refused' : status.state}`,
  };
}

/** Below a job. @param lastWords of its log, newest last */
export function detailRows(status: JobStatus, lastWords: readonly string[]): JobRow[] {
  const { folder, progress, state, output, queue } = status;
  const row = (name: string, row: Omit<JobRow, 'id' | 'tooltip' | 'context'> & { tooltip?: string }): JobRow => ({
    id: `${folder}\0${name}`,
    context: 'quantscope.jobDetail',
    tooltip: row.description,
    ...row,
  });
  const rows: JobRow[] = [];
  if (progress !== null) {
    const now = { label: phaseAndShare(progress), description: left(status) };
    rows.push(row('phase', { ...now, icon: 'dashboard', tooltip: shown(progress.message) }));
    const amount = amountText(progress);
    if (amount !== '')
      rows.push(row('amount', { label: progressBar(progress), description: amount, spoken: amount, icon: 'database' }));
  }
  if (queue) rows.push(row('queue', { label: vscode.l10n.t('Queue'), description: shown(queue), icon: 'server' }));
  const where = { label: vscode.l10n.t('Device'), description: deviceText(status) || launcherText(status.launcher) };
  rows.push(row('device', { ...where, icon: 'chip' }));
  if (progress !== null) {
    const [processors, gpu] = [processorText(progress), gpuText(progress)];
    rows.push(row('processors', { label: vscode.l10n.t('Process CPU'), description: processors, icon: 'pulse' }));
    if (gpu !== '') rows.push(row('gpu', { label: vscode.l10n.t('GPU queue'), description: gpu, icon: 'pulse' }));
  }
  const file = { label: vscode.l10n.t('Output'), description: shown(basename(output)), tooltip: output };
  rows.push(row('output', { ...file, icon: 'file', ...(state === 'succeeded' ? { opens: output } : {}) }));
  lastWords.forEach((text, index) => {
    rows.push(row(`log${index}`, { label: text, description: '', tooltip: text, icon: 'output', showsLog: true }));
  });
  return rows;
}

function tooltip(status: JobStatus): string {
  const { folder, name, state, launcher, createdAt, attempts, result, failure } = status;
  const lines = [
    `${shown(name)}: ${stateText(state)}`,
    folder,
    deviceText(status) || launcherText(launcher),
    vscode.l10n.t('made {0}, {1} attempts', new Date(createdAt).toLocaleString(), attempts),
  ];
  if (result !== null && Number.isFinite(result.meanSqnr))
    lines.push(
      vscode.l10n.t('SQNR mean {0} dB, worst {1} dB', result.meanSqnr.toFixed(1), result.worstSqnr.toFixed(1)),
    );
  if (failure !== null) lines.push(`${failure.code}: ${shown(failure.message)}`);
  return lines.join('\n');
}
