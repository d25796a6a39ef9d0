// All executions of one subject over several processes, which are watched, and started again where one hangs or dies.

import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FuzzOptions } from './options.ts';
import type { Finding } from './rig.ts';
import type { WorkerOrder, WorkerReport } from './worker.ts';

export interface CampaignResult {
  readonly subject: string;
  readonly executions: number;
  readonly opened: number;
  readonly decoded: number;
  readonly findings: readonly Finding[];
  readonly seconds: number;
  readonly slowestMs: number;
  /** Memory held by one process at its end beyond what it held when warm; the largest of all. */
  readonly growthBytes: number;
  readonly peakBytes: number;
}

/** A process that reports nothing for so long hangs; executions that take over two seconds report themselves. */
const SILENCE_MS = 20_000;
const WATCH_MS = 1000;
/** Lazily compiled code and caches are in place after so many executions. */
const WARM_EXECUTIONS = 1000;
/** Nothing may stay behind an execution; this much is the collector's own play. */
export const MAX_GROWTH_BYTES = 24 << 20;

export async function campaign(subject: string, options: FuzzOptions, folder: string): Promise<CampaignResult> {
  const began = performance.now();
  const tally = { executions: 0, opened: 0, decoded: 0, slowestMs: 0, growthBytes: 0, peakBytes: 0 };
  const findings: Finding[] = [];
  const stopAt = began + options.seconds * 1000;
  const add = (report: WorkerReport): void => {
    tally.executions += report.executions;
    tally.opened += report.opened;
    tally.decoded += report.decoded;
    tally.slowestMs = Math.max(tally.slowestMs, report.slowestMs);
    tally.peakBytes = Math.max(tally.peakBytes, report.peakBytes);
    findings.push(...report.findings);
  };
  const { executions: to, processes: step, seed } = options;
  await Promise.all(
    Array.from({ length: step }, async (_, first) => {
      const markPath = join(folder, `${subject}.${first}.mark`);
      for (let from: number | null = first; from !== null && from < to && performance.now() < stopAt; ) {
        const order: WorkerOrder = { subject, seed, from, to, step, folder, markPath };
        const { finding, growthBytes } = await watched(order, stopAt, add);
        tally.growthBytes = Math.max(tally.growthBytes, growthBytes);
        from = finding === null ? null : finding.execution + step;
        if (finding === null) continue;
        // A busy machine can starve a process as well: alone and with more patience, the execution has to do it again.
        const again = { ...order, from: finding.execution, to: finding.execution + 1, step: 1 };
        const confirmed = await watched(again, Number.POSITIVE_INFINITY, add, 3 * SILENCE_MS);
        if (confirmed.finding !== null) findings.push(finding);
      }
    }),
  );
  if (tally.growthBytes > MAX_GROWTH_BYTES)
    findings.push({ kind: 'memory', execution: to, detail: `held memory grew by ${tally.growthBytes} bytes` });
  return { subject, ...tally, findings, seconds: (performance.now() - began) / 1000 };
}

interface WorkerEnd {
  /** What ended the process before its time. */
  readonly finding: Finding | null;
  readonly growthBytes: number;
}

function watched(
  order: WorkerOrder,
  stopAt: number,
  add: (report: WorkerReport) => void,
  silenceMs = SILENCE_MS,
): Promise<WorkerEnd> {
  const child = fork(fileURLToPath(new URL('./worker.ts', import.meta.url)), {
    execArgv: ['--expose-gc', '--max-old-space-size=1024', '--disable-warning=ExperimentalWarning'],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let [heard, executions, warmBytes, lastBytes] = [performance.now(), 0, 0, 0];
  let finished = false;
  let stopped: 'hang' | 'time' | null = null;
  let complaint = '';
  child.stderr?.on('data', (text: Buffer) => {
    complaint = (complaint + text.toString()).slice(-4000);
  });
  child.on('message', (report: WorkerReport) => {
    heard = performance.now();
    finished = report.finished;
    executions += report.executions;
    if (executions >= WARM_EXECUTIONS) {
      if (warmBytes === 0) warmBytes = report.heldBytes;
      lastBytes = report.heldBytes;
    }
    add(report);
  });
  child.send(order);
  return new Promise((resolve) => {
    const watch = setInterval(() => {
      const now = performance.now();
      if (now - heard > silenceMs) stopped = 'hang';
      else if (now > stopAt) stopped = 'time';
      if (stopped !== null) end(child);
    }, WATCH_MS);
    child.on('exit', (code, signal) => {
      clearInterval(watch);
      const growthBytes = Math.max(0, lastBytes - warmBytes);
      if (finished || stopped === 'time') return resolve({ finding: null, growthBytes });
      const execution = marked(order);
      const died = `the process ended with ${signal ?? code}: ${complaint.trim().split('\n').slice(-12).join('\n')}`;
      const finding: Finding =
        stopped === 'hang'
          ? { kind: 'hang', execution, detail: `nothing for ${silenceMs} ms` }
          : { kind: 'crash', execution, detail: died };
      resolve({ finding, growthBytes });
    });
  });
}

function end(child: ChildProcess): void {
  child.kill('SIGKILL');
}

function marked({ markPath, from }: WorkerOrder): number {
  const bytes = readFileSync(markPath);
  return bytes.length < 8 ? from : Number(bytes.readBigUInt64LE(0));
}
