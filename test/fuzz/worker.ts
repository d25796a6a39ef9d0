// One process of the fuzzer: every `step`-th execution of a subject, told to the parent as they go.

import { openSync, writeSync } from 'node:fs';
import type { Finding } from './rig.ts';
import { createRig } from './rig.ts';
import { SUBJECTS } from './seeds.ts';

export interface WorkerOrder {
  readonly subject: string;
  readonly seed: number;
  readonly from: number;
  readonly to: number;
  readonly step: number;
  readonly folder: string;
  /** A file whose first eight bytes are the execution under way, for whoever finds this process hung or dead. */
  readonly markPath: string;
}

export interface WorkerReport {
  /** Since the last report. */
  readonly executions: number;
  readonly opened: number;
  readonly decoded: number;
  readonly findings: readonly Finding[];
  /** Held after a collection of garbage: heap and buffers. */
  readonly heldBytes: number;
  readonly peakBytes: number;
  readonly slowestMs: number;
  readonly finished: boolean;
}

const REPORT_MS = 500;

export async function work(order: WorkerOrder, send: (report: WorkerReport) => void): Promise<void> {
  const subject = SUBJECTS.find(({ name }) => name === order.subject);
  if (subject === undefined) throw new RangeError(`no subject is called ${order.subject}`);
  const mark = openSync(order.markPath, 'w');
  const number = new BigUint64Array(1);
  const rig = await createRig(subject, order.seed, order.folder);
  let [executions, opened, decoded, slowestMs] = [0, 0, 0, 0];
  let findings: Finding[] = [];
  let reported = performance.now();
  const report = (finished: boolean): void => {
    globalThis.gc?.();
    const { heapUsed, arrayBuffers, external } = process.memoryUsage();
    const heldBytes = heapUsed + Math.max(arrayBuffers, external);
    const peakBytes = process.resourceUsage().maxRSS * 1024;
    send({ executions, opened, decoded, findings, heldBytes, peakBytes, slowestMs, finished });
    [executions, opened, decoded, slowestMs] = [0, 0, 0, 0];
    findings = [];
    reported = performance.now();
  };
  for (let execution = order.from; execution < order.to; execution += order.step) {
    number[0] = BigInt(execution);
    writeSync(mark, number, 0, 8, 0);
    const outcome = await rig.run(execution);
    executions += 1;
    opened += Number(outcome.opened);
    decoded += Number(outcome.decoded);
    slowestMs = Math.max(slowestMs, outcome.milliseconds);
    findings.push(...outcome.findings);
    if (performance.now() - reported > REPORT_MS) report(false);
  }
  report(true);
  rig.close();
}

if (process.send !== undefined) {
  process.once('message', (order: WorkerOrder) => {
    void work(order, (report) => process.send?.(report)).then(() => process.disconnect());
  });
}
