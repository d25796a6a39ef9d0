// Jobs in the editor: builds the parts, lets every look at the jobs reach them, and answers the commands about one job.

import * as vscode from 'vscode';
import type { JobStatus } from '../core/protocol/jobs.ts';
import { announceFailure } from './announce.ts';
import type { EngineClient } from './engineClient.ts';
import { AwaitedJobs, announceEnd } from './jobsEnd.ts';
import { JobsLog } from './jobsLog.ts';
import { JobsStatus } from './jobsStatus.ts';
import { JobsTree } from './jobsTree.ts';
import { JobsWatch } from './jobsWatch.ts';
import { jobDefaults } from './settings.ts';

export interface JobsContext {
  readonly engine: EngineClient;
  readonly log: vscode.LogOutputChannel;
  /** Of the workspace. */
  readonly memento: vscode.Memento;
}

export class Jobs implements vscode.Disposable {
  readonly watch: JobsWatch;
  readonly log: JobsLog;
  readonly #engine: EngineClient;
  readonly #awaited: AwaitedJobs;
  readonly #subscriptions: { dispose(): unknown }[];

  constructor({ engine, log, memento }: JobsContext) {
    this.#engine = engine;
    this.#awaited = new AwaitedJobs(memento);
    const channel = vscode.window.createOutputChannel('Quantscope Jobs', 'log');
    this.log = new JobsLog(channel, (folder, from, shard) => engine.call('jobLog', { folder, from, shard }));
    this.watch = new JobsWatch({
      // Where nothing is trusted, no job is looked at: its folder says what is run.
      list: async () => (vscode.workspace.isTrusted ? (await engine.call('jobs', {})).jobs : []),
      attention: () => ({ visible: view.visible, focused: vscode.window.state.focused }),
      failed: (error) => log.warn(`jobs: ${error instanceof Error ? error.message : error}`),
    });
    const tree = new JobsTree(this.watch, this.log);
    const view = vscode.window.createTreeView('quantscope.jobs', { treeDataProvider: tree });
    const status = new JobsStatus();
    const looked = async (jobs: readonly JobStatus[]): Promise<void> => {
      // At once: by the time the log is written, one of them may have been resumed.
      const ended = this.#awaited.takeEnded(jobs);
      status.update(this.watch.active);
      await this.log.update(jobs).catch(() => undefined);
      tree.update();
      for (const job of await ended)
        announceEnd(job).catch((error: unknown) => announceFailure(vscode.l10n.t('Job'), error, log));
    };
    this.#subscriptions = [
      ...[channel, view, status, this.watch],
      this.watch.onLook((jobs) => void looked(jobs)),
      view.onDidChangeVisibility(({ visible }) => {
        if (!visible) return this.watch.attend();
        // What changed while nobody could see it may have got lost on its way.
        tree.drawAgain();
        void this.watch.refresh();
      }),
      vscode.window.onDidChangeWindowState(() => this.watch.attend()),
      vscode.workspace.onDidGrantWorkspaceTrust(() => void this.watch.refresh()),
      vscode.workspace.onDidChangeConfiguration((change) => {
        if (!change.affectsConfiguration('quantscope.jobs.maxRunning')) return;
        this.tellLimit().catch((error: unknown) => log.warn(`jobs: ${error instanceof Error ? error.message : error}`));
      }),
    ];
    // Back after a reload: jobs went on without this window. Otherwise nothing is asked until somebody looks.
    if (this.#awaited.folders.length > 0 || view.visible) void this.watch.refresh();
  }

  /** From now on its end is awaited here. */
  started(folder: string): void {
    void this.#awaited.add(folder);
    void this.watch.refresh();
  }

  async cancel(folder: string): Promise<JobStatus> {
    // The user knows how it ends.
    await this.#awaited.remove(folder);
    const status = await this.#engine.call('jobCancel', { folder });
    await this.watch.refresh();
    return status;
  }

  async resume(folder: string): Promise<JobStatus> {
    await this.tellLimit();
    const status = await this.#engine.call('jobResume', { folder });
    this.started(folder);
    return status;
  }

  /** The setting, where jobs that wait their turn look: also those that were submitted from a shell. */
  async tellLimit(): Promise<void> {
    if (vscode.workspace.isTrusted) await this.#engine.call('jobLimit', { maxRunning: jobDefaults().maxRunning });
  }

  /** Leaves it out of the list; its folder stays. */
  async forget(folder: string): Promise<void> {
    await this.#awaited.remove(folder);
    await this.#engine.call('jobForget', { folder });
    await this.watch.refresh();
  }

  async status(folder: string): Promise<JobStatus> {
    return this.watch.find(folder) ?? this.#engine.call('jobStatus', { folder });
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) subscription.dispose();
  }
}
