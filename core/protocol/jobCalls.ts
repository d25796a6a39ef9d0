// The engine's calls about jobs: asked by the extension on a user's word, never by a view, which draws what others wrote.

import * as z from 'zod';
import { zJobLog, zJobStatus, zJobWish } from './jobs.ts';
import { zCheck } from './objects.ts';

const byFolder = z.object({ folder: z.string() });

export const JOB_CALLS = {
  /** Every job of this user that is there, newest first. Cheap enough for once a second. */
  jobs: { params: z.object({}), result: z.object({ jobs: z.array(zJobStatus) }) },
  jobStatus: { params: byFolder, result: zJobStatus },
  /** Every check a job must pass; nothing is made. */
  jobPreflight: {
    params: z.object({ wish: zJobWish }),
    result: z.object({ checks: z.array(zCheck), ok: z.boolean(), bytes: z.number() }),
  },
  /** Makes the job and has its launcher start it; it outlives engine and window. */
  jobStart: { params: z.object({ wish: zJobWish }), result: zJobStatus },
  /** Resolves when the runner has stopped, or did not answer in time: the state says which. */
  jobCancel: { params: byFolder, result: zJobStatus },
  jobResume: { params: byFolder, result: zJobStatus },
  /** From record `from` on, of the job or of one shard; `next` of the answer gives what is new the next time. */
  jobLog: {
    params: byFolder.extend({ from: z.int().nonnegative(), shard: z.int().min(1).optional() }),
    result: zJobLog,
  },
  /** How many launched jobs of this user run at once on this machine; 0 = no limit. Those beyond it wait their turn. */
  jobLimit: { params: z.object({ maxRunning: z.int().nonnegative() }), result: z.object({}) },
  /** Leaves it out of the list; the folder stays as it is. */
  jobForget: { params: byFolder, result: z.object({}) },
} as const;
