// Jobs from inside the extension host: launched, seen, they outlive the engine; cancelled, resumed, verified, run again.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as vscode from 'vscode';
import type { JobState, JobStatus } from '../../../core/protocol/jobs.ts';
import { closeEverything, errorsShown, extension, file, until } from './workspace.ts';

const WORK_MS = 60_000;
const folder = (): string => file('large.job').fsPath;

/** As the extension last saw it. */
function seen(path: string): JobStatus | undefined {
  return extension()
    .exports.jobs()
    .find((job) => job.folder === path);
}

function inState(path: string, ...states: JobState[]): Promise<JobStatus> {
  const found = (): JobStatus | undefined => {
    const job = seen(path);
    return job !== undefined && states.includes(job.state) ? job : undefined;
  };
  return until(`${path} to be ${states}`, found, WORK_MS);
}

/** Messages shown while `work` runs, none of them waiting for an answer. */
async function messagesShown(work: (shown: readonly string[]) => Promise<unknown>): Promise<string[]> {
  const shown: string[] = [];
  const window = vscode.window as { showInformationMessage: unknown };
  const original = window.showInformationMessage;
  window.showInformationMessage = (message: string) => {
    shown.push(message);
    return Promise.resolve(undefined);
  };
  try {
    await work(shown);
  } finally {
    window.showInformationMessage = original;
  }
  return shown;
}

export function jobTests(): void {
  describe('jobs', () => {
    const plan = (): vscode.Uri => file('large', 'large.quantplan.json');
    const model = (): vscode.Uri => file('large', 'model.safetensors');
    const run = (name: string): Thenable<JobStatus | undefined> => {
      const options = { plan: plan(), format: 'gguf', launcher: 'local', folder: file(name).fsPath, threads: 1 };
      return vscode.commands.executeCommand<JobStatus>('quantscope.runJob', model(), options);
    };
    afterEach(closeEverything);

    it('a failing check starts nothing and leaves no folder', async () => {
      const shown = await errorsShown(async () => run('large'));
      assert.equal(shown.length, 1);
      assert.match(shown[0] ?? '', /large/);
      assert.equal(existsSync(file('large', 'job.json').fsPath), false);
    });

    it('starts in a process of its own and is listed with its progress', async () => {
      const status = await run('large.job');
      assert.equal(status?.folder, folder());
      const running = await until('progress', () => (seen(folder())?.progress?.doneBytes ?? 0) > 0 && seen(folder()));
      assert.ok(running.runner && running.runner.pid !== extension().exports.enginePid);
    });

    it('goes on when the engine is killed, and is seen again', async () => {
      const { exports: api } = extension();
      const before = seen(folder());
      assert.ok(before?.runner && api.enginePid);
      const { enginePid } = api;
      process.kill(enginePid, 'SIGKILL');
      await until('a new engine', () => api.enginePid !== undefined && api.enginePid !== enginePid);
      await vscode.commands.executeCommand('quantscope.refreshJobs');
      const after = await inState(folder(), 'running', 'succeeded');
      assert.equal(after.attempts, 1);
      assert.ok(after.units.done >= before.units.done);
    });

    it('is cancelled on command, without a file that looks finished', async () => {
      assert.equal((await inState(folder(), 'running')).attempts, 1);
      const status = await vscode.commands.executeCommand<JobStatus>('quantscope.cancelJob', { folder: folder() });
      assert.equal(status?.state, 'cancelled');
      assert.equal(seen(folder())?.state, 'cancelled');
      assert.equal(existsSync(join(folder(), 'out')), false);
    });

    it('resumes what was written, ends verified, and says so once', async () => {
      const shown = await messagesShown(async (soFar) => {
        await vscode.commands.executeCommand('quantscope.resumeJob', { folder: folder() });
        const done = await inState(folder(), 'succeeded');
        assert.ok(done.attempts >= 2);
        assert.ok(existsSync(done.output));
        await until('the message', () => soFar.length > 0);
        await vscode.commands.executeCommand('quantscope.refreshJobs');
      });
      assert.equal(shown.length, 1, shown.join());
      assert.match(shown[0] ?? '', /large.*verified/);
      const journal = readFileSync(join(folder(), 'journal.ndjson'), 'utf8');
      assert.ok(/"kept":[1-9]/.test(journal), 'the second attempt keeps units of the first');
    });

    it('compares with the original', async () => {
      await vscode.commands.executeCommand('quantscope.compareJob', { folder: folder() });
      assert.match(vscode.window.activeTextEditor?.document.getText() ?? '', /matches model\.safetensors/);
    });

    it('runs again in a folder beside it', async () => {
      const again = await vscode.commands.executeCommand<JobStatus>('quantscope.rerunJob', { folder: folder() });
      assert.equal(again?.folder, file('large-2.job').fsPath);
      await vscode.commands.executeCommand('quantscope.cancelJob', { folder: again.folder });
      assert.equal(seen(again.folder)?.state, 'cancelled');
    });

    it('is forgotten and stays on disk', async () => {
      await vscode.commands.executeCommand('quantscope.forgetJob', { folder: folder() });
      assert.equal(seen(folder()), undefined);
      assert.ok(existsSync(join(folder(), 'job.json')));
    });
  });
}
