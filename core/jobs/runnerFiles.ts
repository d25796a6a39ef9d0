// Who runs a job: one numbered file per attempt, naming its process. Of the live ones, the lowest number is the runner.
//
// A new runner looks, announces itself under the next free number, and looks again: of two that start at once, the
// later number sees the earlier file, whole, and steps back. Files of processes that are gone mean nothing any more.

import { basename, join } from 'node:path';
import * as z from 'zod';
import { QuantscopeError } from '../base/errors.ts';
import { createExclusively } from '../io/exclusiveFile.ts';
import { listFolder, pathExists } from '../io/folder.ts';
import { identifyProcess, lookForProcess, type ProcessIdentity } from '../io/processIdentity.ts';
import { readSmallFile, removeFile, renameFile } from '../io/smallFile.ts';
import { BeatWatch } from './heartbeat.ts';
import type { JobPaths } from './jobFolder.ts';

const RUNNER_FILE = /^(\d{6})\.(json|ended)$/;

const zRunnerFile = z.object({ pid: z.int().positive(), host: z.string(), place: z.string(), began: z.string() });

export interface Runner {
  /** Counts from 1. */
  readonly attempt: number;
  readonly process: ProcessIdentity;
}

export interface Claim extends Runner {
  /**
   * Whether a later runner has taken the job over, having found this one without a sign of life: a machine that slept.
   * True at the second look only: one that started at the same moment is about to step back.
   */
  isTakenOver(): Promise<boolean>;
  release(): Promise<void>;
}

export interface Runners {
  /** Attempts so far, ended ones included. */
  readonly attempts: number;
  /** The latest let the job go in order: it was not killed. */
  readonly ended: boolean;
  readonly live: Runner | null;
}

/** @param watch judges runners whose process cannot be seen from here by their heartbeat */
export async function findRunners(paths: JobPaths, watch: BeatWatch): Promise<Runners> {
  const numbers = await runnerNumbers(paths);
  const facts = { attempts: count(numbers), ended: numbers.at(-1)?.ended ?? false };
  for (const { attempt, ended } of numbers) {
    if (ended) continue;
    const runner = await readRunner(paths, attempt);
    if (runner !== null && (await isAlive(paths, runner, watch))) return { ...facts, live: runner };
  }
  return { ...facts, live: null };
}

/** @throws JOB_RUNNING naming the process that has the job */
export async function claimJob(paths: JobPaths, watch: BeatWatch): Promise<Claim> {
  const process = await identifyProcess();
  for (;;) {
    const { attempts, live } = await findRunners(paths, watch);
    if (live !== null) throw running(paths, live);
    const attempt = attempts + 1;
    const path = runnerPath(paths, attempt, 'json');
    if (!(await createExclusively(path, JSON.stringify(process)))) continue;
    const earlier = (await findRunners(paths, watch)).live;
    if (earlier === null || earlier.attempt === attempt) return claim(paths, { attempt, process });
    await removeFile(path);
    throw running(paths, earlier);
  }
}

/** @throws JOB_RUNNING naming the process that has the job */
export async function refuseLive(paths: JobPaths): Promise<void> {
  const { live } = await findRunners(paths, new BeatWatch({ wait: true }));
  if (live !== null) throw running(paths, live);
}

function claim(paths: JobPaths, runner: Runner): Claim {
  const path = runnerPath(paths, runner.attempt, 'json');
  let laterSeen = false;
  return {
    ...runner,
    async isTakenOver() {
      const before = laterSeen;
      laterSeen = count(await runnerNumbers(paths)) > runner.attempt;
      return before && laterSeen;
    },
    release: () => renameFile(path, runnerPath(paths, runner.attempt, 'ended')),
  };
}

export function beatPath({ runners }: JobPaths, attempt: number): string {
  return join(runners, `${String(attempt).padStart(6, '0')}.beat`);
}

function runnerPath({ runners }: JobPaths, attempt: number, ending: 'json' | 'ended'): string {
  return join(runners, `${String(attempt).padStart(6, '0')}.${ending}`);
}

/** In order. */
async function runnerNumbers({ runners }: JobPaths): Promise<{ attempt: number; ended: boolean }[]> {
  if (!(await pathExists(runners))) return [];
  return (await listFolder(runners)).flatMap((name) => {
    const [, number, ending] = RUNNER_FILE.exec(name) ?? [];
    return number === undefined ? [] : [{ attempt: Number(number), ended: ending === 'ended' }];
  });
}

function count(numbers: readonly { attempt: number }[]): number {
  return numbers.at(-1)?.attempt ?? 0;
}

async function readRunner(paths: JobPaths, attempt: number): Promise<Runner | null> {
  const text = await readSmallFile(runnerPath(paths, attempt, 'json'));
  if (text === null) return null;
  const parsed = zRunnerFile.safeParse(parsedJson(text));
  return parsed.success ? { attempt, process: parsed.data } : null;
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

async function isAlive(paths: JobPaths, { attempt, process }: Runner, watch: BeatWatch): Promise<boolean> {
  const state = await lookForProcess(process);
  return state === 'elsewhere' ? watch.beats(beatPath(paths, attempt)) : state === 'alive';
}

function running({ folder }: JobPaths, { process: { pid, host } }: Runner): QuantscopeError {
  return new QuantscopeError('JOB_RUNNING', `${basename(folder)}: the job is being run by process ${pid} on ${host}`);
}
