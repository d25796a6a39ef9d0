// Which process wrote something, and whether that very process still runs: never by clock time, never by number alone.

import { execFile } from 'node:child_process';
import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { promisify } from 'node:util';

export interface ProcessIdentity {
  readonly pid: number;
  /** Name of the machine, for people. */
  readonly host: string;
  /** Boot and process namespace: process numbers mean something only inside the same. */
  readonly place: string;
  /** When the process began, as the kernel counts; tells it from a later one of the same number. Empty = not known. */
  readonly began: string;
}

/** 'elsewhere' = on another machine, in another container, or before a reboot: not visible from here. */
export type ProcessState = 'alive' | 'dead' | 'elsewhere';

export async function identifyProcess(pid: number = process.pid): Promise<ProcessIdentity> {
  return { pid, host: hostname(), place: await placeOfHere(), began: (await startOf(pid)) ?? '' };
}

export async function lookForProcess({ pid, place, began }: ProcessIdentity): Promise<ProcessState> {
  if (place !== (await placeOfHere())) return 'elsewhere';
  if (!exists(pid)) return 'dead';
  if (began === '') return 'alive';
  return (await startOf(pid)) === began ? 'alive' : 'dead';
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Not ours to signal, but there.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** Asked at every look: cheap, and right after a process moved between namespaces too. */
async function placeOfHere(): Promise<string> {
  if (process.platform !== 'linux') return hostname();
  const [boot, namespace] = await Promise.all([
    readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => ''),
    readlink('/proc/self/ns/pid').catch(() => ''),
  ]);
  return `${boot.trim()} ${namespace}`;
}

/** @returns null when there is no such process any more; '' where the platform does not say */
async function startOf(pid: number): Promise<string | null> {
  if (process.platform === 'linux') return linuxStart(pid);
  if (process.platform === 'win32') return '';
  return promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)]).then(
    ({ stdout }) => stdout.trim(),
    () => null,
  );
}

/** proc(5), /proc/pid/stat: "pid (name) state …", the start in clock ticks since boot is field 22. */
async function linuxStart(pid: number): Promise<string | null> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  if (text === null) return null;
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  // Ended, and only waiting for its parent to notice: inside containers that can be for ever.
  if (fields[0] === 'Z' || fields[0] === 'X') return null;
  return fields[19] ?? null;
}
