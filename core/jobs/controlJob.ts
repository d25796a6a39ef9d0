// What can be asked of a job from outside its runner: start, stop, go on.

import { basename } from 'node:path';
import { isQuantscopeError, QuantscopeError } from '../base/errors.ts';
import { removeFile } from '../io/smallFile.ts';
import { writeTextFile } from '../io/textFile.ts';
import type { JobStatus, Launch } from '../protocol/jobs.ts';
import { BeatWatch } from './heartbeat.ts';
import { type JobPaths, refuseLinks } from './jobFolder.ts';
import { type JobView, readLaunch } from './jobStatus.ts';
import { openJournal } from './journal.ts';
import type { RunnerCommand } from './launchers/launcher.ts';
import { LAUNCHER } from './launchers/registry.ts';
import { type Claim, claimJob, findRunners } from './runnerFiles.ts';
import { requestStop, withdrawStop } from './stopRequests.ts';

/** A runner answers within a second; one on another machine when its file system shows it the request. */
const ANSWER_MS = 15_000;
const LOOK_MS = 100;

/** @throws LAUNCH_FAILED, JOB_INVALID when a link lies in it, and what writing throws */
export async function launchJob(view: JobView, command: RunnerCommand): Promise<void> {
  const { paths } = view;
  const { launcher } = await view.job();
  await refuseLinks(paths);
  const { attempts } = await findRunners(paths, new BeatWatch({ wait: false }));
  await withdrawStop(paths);
  await takeBack(paths);
  const at = new Date().toISOString();
  const write = (path: string, handle: Launch['handle']): Promise<void> =>
    writeTextFile(path, `${JSON.stringify({ launcher, at, after: attempts, handle })}\n`);
  try {
    const handle = await LAUNCHER[launcher].launch(paths, command, (handle) => write(paths.launching, handle));
    await write(paths.launch, handle);
    await removeFile(paths.launching);
  } catch (error) {
    // One that was not answered may be in the queue all the same.
    await takeBack(paths).catch(() => undefined);
    throw error;
  }
}

/** What was being handed over, as far as it was, when the process that did it was killed or failed. @throws LAUNCH_FAILED */
async function takeBack(paths: JobPaths): Promise<void> {
  const begun = await readLaunch(paths, paths.launching);
  if (begun === null) return;
  await LAUNCHER[begun.launcher].withdraw(begun);
  await removeFile(paths.launching);
}

/** @throws JOB_RUNNING, JOB_STATE when there is nothing left to do, and what launching throws */
export async function resumeJob(view: JobView, command: RunnerCommand): Promise<void> {
  const { state, runner } = await view.status();
  const name = basename(view.paths.folder);
  if (state === 'running')
    throw new QuantscopeError(
      'JOB_RUNNING',
      `${name}: the job is being run by process ${runner?.pid} on ${runner?.host}`,
    );
  if (state === 'succeeded' || (state === 'queued' && (await readLaunch(view.paths)) !== null))
    throw new QuantscopeError('JOB_STATE', `${name}: the job is ${state}, there is nothing to resume`);
  await launchJob(view, command);
}

/**
 * Asks the runner to stop and waits for its answer; what no runner has is cancelled here.
 *
 * @returns the state then: still running when the runner did not answer in time, and will once it can
 * @throws JOB_STATE when the job has ended already, JOB_INVALID when a link lies in it
 */
export async function cancelJob(view: JobView): Promise<JobStatus> {
  const status = await view.status();
  if (['succeeded', 'failed', 'cancelled'].includes(status.state))
    throw new QuantscopeError('JOB_STATE', `${basename(view.paths.folder)}: the job is ${status.state} already`);
  await refuseLinks(view.paths);
  await requestStop(view.paths, 'cancel');
  await takeBack(view.paths);
  const launch = await readLaunch(view.paths);
  const nothingBegins = launch === null || (await LAUNCHER[launch.launcher].withdraw(launch));
  const began = performance.now();
  for (;;) {
    const now = await view.status();
    const { state } = now;
    if (state === 'lost' || state === 'paused' || (state === 'queued' && nothingBegins)) {
      if (await cancelHere(view.paths)) return view.status();
    } else if (state !== 'running' && state !== 'queued') {
      if (state !== 'cancelled') await withdrawStop(view.paths);
      return view.status();
    }
    if (performance.now() - began > ANSWER_MS) return now;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** As a runner that does nothing but end. @returns false when another has begun meanwhile, to read the request itself */
async function cancelHere(paths: JobPaths): Promise<boolean> {
  let claim: Claim;
  try {
    claim = await claimJob(paths, new BeatWatch({ wait: true }));
  } catch (error) {
    if (isQuantscopeError(error) && error.code === 'JOB_RUNNING') return false;
    throw error;
  }
  try {
    await using journal = await openJournal(paths.journal);
    await journal.append({ type: 'cancelled' });
    await withdrawStop(paths);
    return true;
  } finally {
    await claim.release();
  }
}
