// The editor's calls about jobs. It asks again and again: what a job is doing is derived at every look.

import { forgetJob } from '../jobs/knownJobs.ts';
import { setMaxRunning } from '../jobs/turns.ts';
import type { EngineCall, Params, Result } from '../protocol/calls.ts';
import type { JOB_CALLS } from '../protocol/jobCalls.ts';
import { continueJob, JobWatch, jobLog, preflightWish, startJob, stopJob } from './jobs.ts';
import type { Session } from './session.ts';

type JobCall = keyof typeof JOB_CALLS & EngineCall;
type JobHandlers = {
  readonly [C in JobCall]: (session: Session, params: Params<C>, signal: AbortSignal) => Promise<Result<C>>;
};

const watch = new JobWatch({ wait: false });

export const JOB_HANDLERS: JobHandlers = {
  jobs: async () => ({ jobs: await watch.list() }),
  jobStatus: (_session, { folder }) => watch.status(folder),
  jobPreflight: (session, { wish }, signal) => preflightWish(session, wish, signal),
  jobStart: (session, { wish }, signal) => startJob(session, wish, signal),
  jobCancel: (_session, { folder }) => stopJob(folder),
  jobResume: (_session, { folder }) => continueJob(folder),
  jobLog: (_session, { folder, from, shard }) => jobLog(folder, from, shard),
  async jobLimit(_session, { maxRunning }) {
    await setMaxRunning(maxRunning);
    return {};
  },
  async jobForget(_session, { folder }) {
    await forgetJob(folder);
    return {};
  },
};
