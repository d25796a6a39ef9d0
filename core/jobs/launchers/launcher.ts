// What starts a job's runner, and what a launcher must be able to do. A launcher is one file and one line in registry.ts.

import type { Launch, LauncherName } from '../../protocol/jobs.ts';
import type { Check } from '../../protocol/objects.ts';
import type { SlurmSettings } from '../../protocol/slurm.ts';
import type { JobPaths } from '../jobFolder.ts';

/** A program and its arguments as they are; never put through a shell. */
export interface RunnerCommand {
  readonly program: string;
  readonly args: readonly string[];
}

/** What became of something launched: waiting for its turn, running, nothing more to expect of it, or nobody can tell. */
export type LaunchState = 'waiting' | 'running' | 'gone' | 'unknown';

export interface LaunchLook {
  readonly state: LaunchState;
  /** For people; null when there is nothing to add. */
  readonly message: string | null;
}

export interface Launcher {
  readonly name: LauncherName;
  /** Whether it can start anything here: looked at before a job folder is made. */
  check(slurm?: SlurmSettings): Promise<Check>;
  /**
   * Hands the runner over and returns; the runner outlives this process.
   *
   * @param announce told first of anything that `withdraw` could take back, should this process be killed meanwhile
   * @throws LAUNCH_FAILED
   */
  launch(
    paths: JobPaths,
    command: RunnerCommand,
    announce: (handle: Launch['handle']) => Promise<void>,
  ): Promise<Launch['handle']>;
  look(launch: Launch): Promise<LaunchLook>;
  /**
   * Takes back what waits in a queue; runners are asked through their folder besides.
   *
   * @returns whether nothing more will begin, whatever the queue goes on saying for a while
   * @throws LAUNCH_FAILED
   */
  withdraw(launch: Launch): Promise<boolean>;
}
