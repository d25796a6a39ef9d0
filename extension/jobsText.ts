// Jobs in words: states, progress, results, and the lines of the log. Names and messages come from files others wrote.

import { basename } from 'node:path';
import * as vscode from 'vscode';
import { bytesText } from '../core/protocol/display.ts';
import type { JobState, JobStatus, JournalRecord } from '../core/protocol/jobs.ts';

/** Somebody works on it, or will without being asked. */
export function isActive(job: JobStatus): boolean {
  return job.state === 'running' || (job.state === 'queued' && !isRefused(job));
}

/** Its launcher never took it. */
export function isRefused({ state, launched }: JobStatus): boolean {
  return state === 'queued' && !launched;
}

export function stateText(state: JobState): string {
  switch (state) {
    case 'queued':
      return vscode.l10n.t('waiting');
    case 'running':
      return vscode.l10n.t('running');
    case 'paused':
      return vscode.l10n.t('paused');
    case 'succeeded':
      return vscode.l10n.t('finished and verified');
    case 'failed':
      return vscode.l10n.t('failed');
    case 'cancelled':
      return vscode.l10n.t('cancelled');
    case 'lost':
      return vscode.l10n.t('its process died');
  }
}

/** Where a launcher runs things; one nobody has put into words yet goes by its name. */
export function launcherText(launcher: string): string {
  const words: Readonly<Record<string, string>> = {
    local: vscode.l10n.t('on this machine'),
    slurm: vscode.l10n.t('on the cluster'),
  };
  return words[launcher] ?? vscode.l10n.t('on {0}', launcher);
}

/** What people call the job: its folder, which they chose. */
export function jobName({ folder }: JobStatus): string {
  return shown(basename(folder).replace(/\.job$/, ''));
}

/** One line beside the name. */
export function describeJob(status: JobStatus): string {
  const { state, progress, result, failure, bytes, queue } = status;
  if (state === 'running' && progress !== null) return parts(phaseAndShare(progress), left(status));
  if (state === 'succeeded' && result !== null)
    return parts(bytesText(result.bytes), vscode.l10n.t('{0} bpw', result.bitsPerWeight.toFixed(2)));
  if (state === 'failed' && failure !== null) return parts(stateText(state), shown(failure.message));
  if (isRefused(status)) return vscode.l10n.t('not started');
  const written =
    bytes.done > 0 && !isActive(status) ? vscode.l10n.t('{0} written', share(bytes.done, bytes.total)) : '';
  return parts(stateText(state), state === 'queued' ? shown(queue ?? '') : written);
}

type Progress = NonNullable<JobStatus['progress']>;

export function phaseText(phase: Progress['phase']): string {
  switch (phase) {
    case 'preparing':
      return vscode.l10n.t('preparing');
    case 'checking':
      return vscode.l10n.t('checking what is written');
    case 'rounding':
      return vscode.l10n.t('choosing codes');
    case 'writing':
      return vscode.l10n.t('quantizing');
    case 'verifying':
      return vscode.l10n.t('verifying');
  }
}

/** "412 MB of 1.2 GB"; empty while there is nothing to count. */
export function amountText({ doneBytes, totalBytes }: Progress): string {
  return totalBytes <= 0 ? '' : vscode.l10n.t('{0} of {1}', bytesText(doneBytes), bytesText(totalBytes));
}

const BAR_CELLS = 8;

/** A tree draws text only. */
export function progressBar({ doneBytes, totalBytes }: Progress): string {
  const full = totalBytes <= 0 ? 0 : Math.floor((BAR_CELLS * Math.min(doneBytes, totalBytes)) / totalBytes);
  return '▰'.repeat(full) + '▱'.repeat(BAR_CELLS - full);
}

/** Rounded as an estimate deserves; empty while there is none. */
export function left({ progress }: JobStatus): string {
  const seconds = progress?.secondsLeft ?? null;
  if (seconds === null) return '';
  if (seconds < 5) return vscode.l10n.t('seconds left');
  if (seconds < 90) return vscode.l10n.t('about {0} s left', 5 * Math.ceil(seconds / 5));
  if (seconds < 90 * 60) return vscode.l10n.t('about {0} min left', Math.round(seconds / 60));
  return vscode.l10n.t('about {0} h left', (seconds / 3600).toFixed(1));
}

export function deviceText({ device }: JobStatus): string {
  return device === null ? '' : parts(shown(device.name), shown(device.note ?? ''));
}

/** Of the runner's process, not of the machine. */
export function processorText({ load, processors }: Progress): string {
  return vscode.l10n.t('{0} % of {1} cores', Math.round((100 * load) / processors), processors);
}

/** Empty without a GPU. */
export function gpuText({ gpuBusy }: Progress): string {
  return gpuBusy === null ? '' : vscode.l10n.t('busy {0} %', Math.round(100 * gpuBusy));
}

/** Of all that runs, by bytes: 0 … 100, or null while nothing has a size yet. */
export function percentOfAll(jobs: readonly JobStatus[]): number | null {
  const sizes = jobs.flatMap(({ progress }) => (progress === null || progress.totalBytes <= 0 ? [] : [progress]));
  const total = sizes.reduce((sum, { totalBytes }) => sum + totalBytes, 0);
  const done = sizes.reduce((sum, { doneBytes }) => sum + doneBytes, 0);
  return total === 0 ? null : Math.floor((100 * done) / total);
}

/** One record as one line: time, level, job, what, then `key=value`, so that it can be searched and cut up. */
export function logLine(job: string, { seq, at, ms, type, ...fields }: JournalRecord): string {
  const level =
    type === 'failed' ? 'error' : type === 'note' || type === 'cancelled' || type === 'paused' ? 'warning' : 'info';
  return `${shown(at)} [${level}] ${shown(job)} ${type} ${pairsOf({ seq, ...fields }).join(' ')}`;
}

/** `device.name="…"` for what is inside another field. */
function pairsOf(fields: object, prefix = ''): string[] {
  return Object.entries(fields).flatMap(([key, value]: [string, unknown]) =>
    typeof value === 'object' && value !== null
      ? pairsOf(value, `${prefix}${key}.`)
      : [`${prefix}${key}=${fieldText(value)}`],
  );
}

/** The few records worth a line in the tree, newest last. */
export function notableText(record: JournalRecord): string | null {
  switch (record.type) {
    case 'started':
      return vscode.l10n.t('attempt {0}: process {1} on {2}', record.attempt, record.pid, shown(record.host));
    case 'prepared':
      return record.kept === 0
        ? vscode.l10n.t('{0} parts, {1}', record.units, bytesText(record.bytes))
        : vscode.l10n.t('{0} of {1} parts kept from before', record.kept, record.units);
    case 'note':
      return shown(record.message);
    case 'unit':
      return record.name === '' ? null : `${shown(record.name)} · ${bytesText(record.bytes)}`;
    case 'failed':
      return `${record.code}: ${shown(record.message)}`;
    case 'paused':
      return vscode.l10n.t('paused by {0}', shown(record.reason));
    case 'cancelled':
      return vscode.l10n.t('cancelled');
    default:
      return null;
  }
}

/** Text of others on one line, without characters that steer a terminal or turn the reading direction. */
export function shown(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, '\u00b7');
}

function fieldText(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  return /^[\w.:+-]+$/.test(text) ? text : JSON.stringify(shown(text));
}

export function phaseAndShare({ phase, doneBytes, totalBytes }: Progress): string {
  return totalBytes > 0 ? `${phaseText(phase)} ${share(doneBytes, totalBytes)}` : phaseText(phase);
}

function share(done: number, total: number): string {
  return total > 0 ? `${Math.floor((100 * done) / total)} %` : '0 %';
}

function parts(...all: string[]): string {
  return all.filter((part) => part !== '').join(' · ');
}
