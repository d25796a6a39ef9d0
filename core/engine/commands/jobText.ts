// Jobs for a terminal.

import { bytesText } from '../../base/byteText.ts';
import type { JobStatus, JournalRecord } from '../../protocol/jobs.ts';
import type { ExportResult } from '../../protocol/objects.ts';
import { roundingText } from './roundingOptions.ts';
import { durationText, figureText, printable, table } from './text.ts';
import { verifyText } from './verify.ts';

type JobResult = NonNullable<JobStatus['result']>;

export function resultText(folder: string, result: ExportResult): string {
  const { output, bytes, bitsPerWeight, seconds, verify, rounding } = result;
  const figures = `${bytesText(bytes)}, ${bitsPerWeight.toFixed(3)} bits per weight, ${seconds.toFixed(1)} s`;
  const rounded = rounding === undefined ? '' : `${roundingText(rounding)}\n`;
  return `job:      ${printable(folder)}\nwritten:  ${printable(output)}, ${figures}\n${rounded}${verifyText(verify)}`;
}

export function statusText(status: JobStatus): string {
  const { state, units, bytes, progress, runner, failure, device, queue, result } = status;
  const lines = [
    `job:      ${printable(status.folder)}`,
    `model:    ${printable(status.name)}`,
    `state:    ${state}${runner === null ? '' : `, process ${runner.pid} on ${printable(runner.host)}`}`,
    `written:  ${units.done} of ${units.total} units, ${bytesText(bytes.done)} of ${bytesText(bytes.total)}`,
  ];
  if (device !== null)
    lines.push(`device:   ${printable(device.name)}${device.note === null ? '' : `, ${printable(device.note)}`}`);
  if (queue) lines.push(`queue:    ${printable(queue)}`);
  if (progress !== null) {
    const { load, processors, gpuBusy } = progress;
    const gpu = gpuBusy === null ? '' : `, GPU queue busy ${Math.round(100 * gpuBusy)} %`;
    lines.push(`now:      ${progressText(progress)}`);
    lines.push(`use:      process CPU ${Math.round((100 * load) / processors)} % of ${processors} cores${gpu}`);
  }
  if (failure !== null) lines.push(`failed:   ${failure.code}: ${printable(failure.message)}`);
  if (state === 'succeeded') lines.push(`output:   ${printable(status.output)}`);
  if (result !== null) lines.push(`result:   ${resultFigures(result)}, ${result.seconds.toFixed(1)} s`);
  return `${lines.join('\n')}\n`;
}

export function jobLines(jobs: readonly JobStatus[]): string {
  if (jobs.length === 0) return 'no jobs\n';
  const rows = jobs.map(({ folder, state, bytes, progress, createdAt }) => [
    printable(folder),
    progress === null ? state : `${state}: ${phaseText(progress)}`,
    `${bytes.total === 0 ? 0 : Math.floor((bytes.done / bytes.total) * 100)} %`,
    printable(createdAt.slice(0, 19).replace('T', ' ')),
  ]);
  return table(['job', 'state', 'written', 'made (UTC)'], rows);
}

export function recordLine(record: JournalRecord): string {
  return `${printable(record.at)}  ${recordText(record)}`;
}

function recordText(record: JournalRecord): string {
  switch (record.type) {
    case 'created':
      return 'made';
    case 'started':
      return `attempt ${record.attempt}: process ${record.pid} on ${printable(record.host)}, ${record.threads} threads${record.dropped > 0 ? `; ${record.dropped} damaged bytes of the journal dropped` : ''}`;
    case 'prepared':
      return `${printable(record.device.name)}: ${record.units} units, ${bytesText(record.bytes)}; ${record.kept} kept`;
    case 'unit':
      return `${record.name === '' ? 'head of the file' : printable(record.name)}: ${bytesText(record.bytes)} at ${record.offset}`;
    case 'note':
      return printable(record.message);
    case 'succeeded':
      return `succeeded: ${resultFigures(record)}`;
    case 'written':
      return `shard written: ${record.units} units, ${bytesText(record.bytes)}`;
    case 'failed':
      return `failed: ${record.code}: ${printable(record.message)}`;
    case 'cancelled':
      return 'cancelled';
    case 'paused':
      return `paused by ${printable(record.reason)}`;
  }
}

function resultFigures({ bytes, bitsPerWeight, meanSqnr, worstSqnr }: Omit<JobResult, 'seconds'>): string {
  const sqnr = `SQNR mean ${figureText(meanSqnr)} dB, worst ${figureText(worstSqnr)} dB`;
  return `${bytesText(bytes)}, ${bitsPerWeight.toFixed(3)} bits per weight, ${sqnr}`;
}

function progressText(progress: NonNullable<JobStatus['progress']>): string {
  const { message, secondsLeft } = progress;
  const left = secondsLeft === null ? '' : `, ${durationText(secondsLeft)} left`;
  return `${phaseText(progress)}${left}${message === '' ? '' : ` · ${printable(message)}`}`;
}

function phaseText({ phase, doneBytes, totalBytes }: NonNullable<JobStatus['progress']>): string {
  return totalBytes > 0 ? `${phase}, ${Math.floor((doneBytes / totalBytes) * 100)} %` : phase;
}
