// How many launched jobs run at once on this machine: each runner takes the next number, and of the living the lowest
// few may begin. Numbers are files made exclusively; those of processes that are gone mean nothing, so that no lock has
// to be broken and nobody hands out turns.

import { join } from 'node:path';
import * as z from 'zod';
import { createExclusively } from '../io/exclusiveFile.ts';
import { listFolder, pathExists } from '../io/folder.ts';
import { makeFolder } from '../io/moveFolder.ts';
import { identifyProcess, lookForProcess, type ProcessIdentity } from '../io/processIdentity.ts';
import { readSmallFile, removeFile } from '../io/smallFile.ts';
import { writeTextFile } from '../io/textFile.ts';
import { stateRoot } from './knownJobs.ts';

const TURN_FILE = /^(\d{9})\.json$/;
const LOOK_MS = 500;
/** A job keeps every processor busy, and its memory is checked for it alone. */
const DEFAULT_MAX_RUNNING = 1;

const zHolder = z.object({ pid: z.int().positive(), host: z.string(), place: z.string(), began: z.string() });

/** Of this user's launched jobs on this machine; 0 = no limit. */
export async function maxRunning(): Promise<number> {
  const text = (await readSmallFile(limitPath())) ?? '';
  return /^\d{1,6}$/.test(text) ? Number(text) : DEFAULT_MAX_RUNNING;
}

/** Counts at once, for those that wait as well; what runs goes on. */
export async function setMaxRunning(count: number): Promise<void> {
  await makeFolder(stateRoot());
  await writeTextFile(limitPath(), String(count));
}

/**
 * Waits for this process's turn, in the order in which runners asked.
 *
 * @param isOff looked at while waiting: true ends it at once
 * @returns what lets the next one begin
 */
export async function takeTurn(isOff: () => Promise<boolean>): Promise<AsyncDisposable> {
  const holder = await identifyProcess();
  const number = await takeNumber(holder);
  const turn = { [Symbol.asyncDispose]: () => removeFile(turnPath(number)) };
  try {
    await forgetGone(number);
    for (;;) {
      const limit = await maxRunning();
      if (limit === 0 || (await livingBelow(number)) < limit || (await isOff())) return turn;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  } catch (error) {
    await turn[Symbol.asyncDispose]();
    throw error;
  }
}

/** How many are before a process that waits or runs; null when it has no number. */
export async function turnsBefore(holder: ProcessIdentity): Promise<number | null> {
  for (const number of await takenNumbers()) {
    const other = await readHolder(number);
    if (other?.pid === holder.pid && other.began === holder.began && other.place === holder.place)
      return livingBelow(number);
  }
  return null;
}

/**
 * A number is good only while it is the highest: one that was free when we looked may have been used, and left, before
 * we took it, and those above it have begun without us.
 */
async function takeNumber(holder: ProcessIdentity): Promise<number> {
  await makeFolder(folder());
  for (;;) {
    const number = ((await takenNumbers()).at(-1) ?? 0) + 1;
    if (!(await createExclusively(turnPath(number), JSON.stringify(holder)))) continue;
    if ((await takenNumbers()).at(-1) === number) return number;
    await removeFile(turnPath(number));
  }
}

async function livingBelow(number: number): Promise<number> {
  let living = 0;
  for (const lower of await takenNumbers()) {
    if (lower >= number) break;
    const holder = await readHolder(lower);
    // On another machine that shares this folder there is another queue.
    if (holder !== null && (await lookForProcess(holder)) === 'alive') living += 1;
  }
  return living;
}

/** Only below a number that is held: nobody can take those again meanwhile. */
async function forgetGone(held: number): Promise<void> {
  for (const number of await takenNumbers()) {
    if (number >= held) return;
    const holder = await readHolder(number);
    if (holder !== null && (await lookForProcess(holder)) === 'dead') await removeFile(turnPath(number));
  }
}

/** In order. */
async function takenNumbers(): Promise<number[]> {
  if (!(await pathExists(folder()))) return [];
  return (await listFolder(folder()))
    .flatMap((name) => TURN_FILE.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

/** Null when it was let go meanwhile, or is none. */
async function readHolder(number: number): Promise<ProcessIdentity | null> {
  const text = await readSmallFile(turnPath(number));
  try {
    return zHolder.parse(JSON.parse(text ?? 'null'));
  } catch {
    return null;
  }
}

function turnPath(number: number): string {
  return join(folder(), `${String(number).padStart(9, '0')}.json`);
}

function folder(): string {
  return join(stateRoot(), 'turns');
}

function limitPath(): string {
  return join(stateRoot(), 'max-running');
}
