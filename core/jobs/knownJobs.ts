// Which job folders this user has made: one small file each, so that any number of windows and shells can add theirs.

import { createHash } from 'node:crypto';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { listFolder, pathExists } from '../io/folder.ts';
import { makeFolder } from '../io/moveFolder.ts';
import { readSmallFile, removeFile } from '../io/smallFile.ts';
import { writeTextFile } from '../io/textFile.ts';
import { isJobFolder } from './jobFolder.ts';

const ENDING = '.job';

/** `QUANTSCOPE_STATE`, else where the platform keeps what programs remember. */
export function stateRoot(environment: NodeJS.ProcessEnv = process.env): string {
  const { QUANTSCOPE_STATE: chosen, XDG_STATE_HOME: xdg, LOCALAPPDATA: local } = environment;
  if (chosen) return chosen;
  if (process.platform === 'win32') return join(local || join(homedir(), 'AppData', 'Local'), 'quantscope', 'state');
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Application Support', 'quantscope');
  return join(xdg || join(homedir(), '.local', 'state'), 'quantscope');
}

export async function rememberJob(folder: string): Promise<void> {
  await makeFolder(root());
  await writeTextFile(entryOf(folder), resolve(folder));
}

/** The folder itself stays as it is. */
export async function forgetJob(folder: string): Promise<void> {
  await removeFile(entryOf(folder));
}

/** Those that are there now: a disk that is not mounted keeps its entries. */
export async function knownJobs(): Promise<string[]> {
  if (!(await pathExists(root()))) return [];
  const names = (await listFolder(root())).filter((name) => name.endsWith(ENDING));
  const folders = await Promise.all(names.map((name) => readSmallFile(join(root(), name))));
  const found: string[] = [];
  for (const folder of folders) if (folder !== null && (await isJobFolder(folder))) found.push(folder);
  return found.sort();
}

function root(): string {
  return join(stateRoot(), 'jobs');
}

function entryOf(folder: string): string {
  return join(root(), createHash('sha256').update(resolve(folder)).digest('hex').slice(0, 32) + ENDING);
}
