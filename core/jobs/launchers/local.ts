// The runner as a process of this machine that belongs to nobody: closing the window or the shell does not end it.

import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { homedir } from 'node:os';
import { QuantscopeError } from '../../base/errors.ts';
import { fileError } from '../../io/fileErrors.ts';
import { identifyProcess, lookForProcess, type ProcessIdentity } from '../../io/processIdentity.ts';
import type { Launch } from '../../protocol/jobs.ts';
import { turnsBefore } from '../turns.ts';
import type { Launcher } from './launcher.ts';

export const localLauncher: Launcher = {
  name: 'local',

  async check() {
    return { name: 'Launcher', ok: true, message: 'a process of this machine', code: null };
  },

  async launch(paths, { program, args }) {
    let log: number;
    try {
      log = openSync(paths.log, 'a');
    } catch (error) {
      throw fileError(paths.log, error, 'writing');
    }
    try {
      // A session of its own (setsid), and no pipe to a parent that may go away. Its folder is never one to be unmounted.
      const child = spawn(program, [...args], {
        detached: true,
        windowsHide: true,
        cwd: homedir(),
        // Inside an editor the program is Electron, to be a plain Node as it is here.
        env: process.versions.electron === undefined ? process.env : { ...process.env, ELECTRON_RUN_AS_NODE: '1' },
        stdio: ['ignore', log, log],
      });
      await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
      child.unref();
      return handleOf(await identifyProcess(child.pid));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new QuantscopeError('LAUNCH_FAILED', `${program}: cannot be started: ${reason}`, { cause: error });
    } finally {
      closeSync(log);
    }
  },

  async look(launch) {
    const identity = identityOf(launch);
    // Another machine's process says so itself, by its heartbeat.
    if (identity === null || (await lookForProcess(identity)) !== 'alive') return { state: 'gone', message: null };
    const before = (await turnsBefore(identity)) ?? 0;
    const message = before === 0 ? null : before === 1 ? '1 job before it' : `${before} jobs before it`;
    return { state: 'running', message };
  },

  async withdraw() {
    // The process, on its way or waiting its turn perhaps, reads the request in its folder.
    return false;
  },
};

function handleOf({ pid, host, place, began }: ProcessIdentity): Launch['handle'] {
  return { pid, host, place, began };
}

function identityOf({ handle: { pid, host, place, began } }: Launch): ProcessIdentity | null {
  if (typeof pid !== 'number') return null;
  return { pid, host: String(host), place: String(place), began: String(began) };
}
