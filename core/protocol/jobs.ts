// Jobs as files and processes see them: job.json, records of the journal, heartbeats, and the state derived from them.

import * as z from 'zod';
import { ERROR_CODES } from '../base/errors.ts';
import { zRunSettings } from './calibration.ts';
import { zExportFormat, zFailure, zFigure, zRoundingMethod } from './objects.ts';
import { zPlan } from './plan.ts';
import { zSlurmSettings } from './slurm.ts';

export const JOB_VERSION = 1;

/** Every way to start a runner; one file each in core/jobs/launchers. */
export const LAUNCHERS = ['local', 'slurm'] as const;
export const zLauncherName = z.enum(LAUNCHERS);

/** `gpu` = the fastest, `gpu:INDEX` = by its place in WebGPU's list, `gpu:NAME` = the one whose name has this part. */
export const zDeviceWish = z
  .string()
  .regex(/^(auto|cpu|gpu(:[^\p{Cc}]{1,100})?)$/u, 'expected auto, cpu, gpu, gpu:INDEX or gpu:NAME');
export const zDevice = z.object({
  kind: z.enum(['cpu', 'gpu']),
  /** As its driver calls it. */
  name: z.string(),
  /** Why it is not the one wished for, or what it really is; null when there is nothing to say. */
  note: z.string().nullable(),
  /** Of a GPU: its largest buffer. Tensors beyond it are computed in tiles. */
  maxBufferBytes: z.number().optional(),
});

/** Every row of a model fits into the least; the most keeps any GPU busy. */
export const zGpuBufferMiB = z.int().min(16).max(128);

/** A plain file name: no folder, no control character, not `.` or `..`. */
const zFileName = z
  .string()
  .min(1)
  .max(255)
  .regex(/^(?!\.{1,2}$)[^/\\\p{Cc}]+$/u, 'expected a plain file name');

/** How codes are chosen ahead of the export, and the text that it needs. */
const zJobRounding = z.object({ method: zRoundingMethod, settings: zRunSettings });

export const zVersions = z.object({ quantscope: z.string(), node: z.string(), platform: z.string() });

/** `job.json`: written once, when the job is made, and never again. */
export const zJob = z.object({
  kind: z.literal('quantscope.job'),
  version: z.literal(JOB_VERSION),
  id: z.string(),
  /** For people. */
  name: z.string(),
  createdAt: z.string(),
  model: z.object({
    /** Absolute. */
    path: z.string(),
    name: z.string(),
    fingerprint: z.string(),
    files: z.array(z.object({ path: z.string(), sizeBytes: z.number(), modifiedMs: z.number() })),
  }),
  /** `id` is the hash of its values. */
  importance: z.object({ path: z.string(), name: z.string(), id: z.string() }).nullable(),
  /** `id` is the hash of model and tokens. */
  rounding: zJobRounding.extend({ id: z.string() }).optional(),
  plan: zPlan,
  format: zExportFormat,
  /** Name of the file in `out/`. */
  output: zFileName,
  device: zDeviceWish,
  /** Worker threads; null = one per processor. */
  threads: z.int().positive().max(1024).nullable(),
  /** Largest buffer on a GPU, in MiB; null = the most, or what the device takes. */
  gpuBufferMiB: zGpuBufferMiB.nullable().default(null),
  launcher: zLauncherName,
  /** When that is Slurm. */
  slurm: zSlurmSettings.optional(),
  /** What the launcher runs; arguments as they are, no shell. */
  command: z.object({ program: z.string(), args: z.array(z.string()) }),
  versions: zVersions,
  /** Size of the file, and how many units it is written in. */
  expected: z.object({ bytes: z.number().nonnegative(), units: z.int().nonnegative() }),
});

const record = z.object({
  /** Counts from 0. */
  seq: z.int().nonnegative(),
  /** Wall-clock time, for people; nothing is derived from it. */
  at: z.string(),
  /** Milliseconds since its writer began, by a clock that never jumps. */
  ms: z.number(),
});

/** One line of `journal.ndjson`, besides its checksum. */
export const zJournalRecord = z.discriminatedUnion('type', [
  /** First record. `sha256` of job.json: a job that was edited is refused. */
  record.extend({ type: z.literal('created'), sha256: z.string() }),
  record.extend({
    type: z.literal('started'),
    attempt: z.int().positive(),
    pid: z.int(),
    host: z.string(),
    threads: z.int(),
    /** Bytes of damaged records cut off the journal's end. */
    dropped: z.int(),
  }),
  /** The whole plan was checked; what follows is writing. */
  record.extend({
    type: z.literal('prepared'),
    versions: zVersions,
    device: zDevice,
    /** CRC-32 of the file's head, which names, types and places everything after it. */
    layout: z.string(),
    /** Nothing of earlier attempts counts any more. */
    fresh: z.boolean(),
    /** Units of earlier attempts whose bytes were read back and found good; only the others are written. */
    kept: z.int(),
    units: z.int(),
    bytes: z.number(),
  }),
  record.extend({
    type: z.literal('unit'),
    unit: z.int().nonnegative(),
    /** Of the tensor; empty for the head of the file. */
    name: z.string(),
    offset: z.number(),
    bytes: z.number(),
    /** CRC-32 of those bytes, hexadecimal. */
    crc32: z.string(),
  }),
  record.extend({ type: z.literal('note'), message: z.string() }),
  record.extend({
    type: z.literal('succeeded'),
    bytes: z.number(),
    bitsPerWeight: z.number(),
    seconds: z.number(),
    compared: z.int(),
    identical: z.int(),
    worstSqnr: zFigure,
    meanSqnr: zFigure,
  }),
  /** The end of a shard, whose job others finish. */
  record.extend({ type: z.literal('written'), units: z.int(), bytes: z.number() }),
  record.extend({ type: z.literal('failed'), code: z.enum(ERROR_CODES), message: z.string() }),
  record.extend({ type: z.literal('cancelled') }),
  record.extend({ type: z.literal('paused'), reason: z.string() }),
]);

/** What a launcher needs to find again what it started: `launch.json`. */
export const zLaunch = z.object({
  launcher: zLauncherName,
  at: z.string(),
  /** Runners of the job itself there had been by then. */
  after: z.int().nonnegative(),
  handle: z.record(z.string(), z.union([z.string(), z.number()])),
});

/** Rewritten every second by a runner. */
export const zHeartbeat = z.object({
  /** Counts up: a change is a sign of life. */
  beat: z.int(),
  /** Bytes and time left are its own. */
  phase: z.enum(['preparing', 'checking', 'rounding', 'writing', 'verifying']),
  doneBytes: z.number(),
  totalBytes: z.number(),
  /** What is being worked on. */
  message: z.string(),
  secondsLeft: z.number().nullable(),
  /** Processors the runner's process kept busy since the last beat, of as many as it may use. */
  load: z.number(),
  processors: z.int().positive(),
  /** Share of that time, 0 … 1, in which its GPU's queue had work; null when it computes on processors alone. */
  gpuBusy: z.number().nullable(),
});

export const JOB_STATES = ['queued', 'running', 'paused', 'succeeded', 'failed', 'cancelled', 'lost'] as const;
export const zJobState = z.enum(JOB_STATES);

/** Everything a list of jobs shows. */
export const zJobStatus = z.object({
  folder: z.string(),
  id: z.string(),
  name: z.string(),
  state: zJobState,
  model: z.string(),
  format: zExportFormat,
  /** Where the finished file is, or will be. */
  output: z.string(),
  createdAt: z.string(),
  /** Of the last record. */
  changedAt: z.string(),
  launcher: zLauncherName,
  /** Whether its launcher ever took it: one that refused may be asked again. */
  launched: z.boolean(),
  /** What a queue says of it, while it has any of it. */
  queue: z.string().nullable().optional(),
  device: zDevice.nullable(),
  /** Runners so far; 0 = none yet. */
  attempts: z.int(),
  runner: z.object({ pid: z.int(), host: z.string() }).nullable(),
  units: z.object({ done: z.int(), total: z.int() }),
  bytes: z.object({ done: z.number(), total: z.number() }),
  /** While running. */
  progress: zHeartbeat.omit({ beat: true }).nullable(),
  failure: zFailure.nullable(),
  /** The result in figures. */
  result: z
    .object({
      bytes: z.number(),
      bitsPerWeight: z.number(),
      seconds: z.number(),
      worstSqnr: zFigure,
      meanSqnr: zFigure,
    })
    .nullable(),
});

/** Records from `from` on, and the end of what the runner's process printed. */
export const zJobLog = z.object({
  records: z.array(zJournalRecord),
  next: z.int(),
  printed: z.string(),
  /** Numbers of the shards that have a journal of their own, until the job is done. */
  shards: z.array(z.int()),
});

/** A job that is wished for. */
export const zJobWish = z.object({
  model: z.string(),
  plan: zPlan,
  format: zExportFormat,
  /** Folder of the job: must not exist. */
  folder: z.string(),
  /** Name of the output file; null = after the model. */
  output: zFileName.nullable(),
  /** File of an importance matrix. */
  importance: z.string().nullable(),
  /** Without such a file: columns are weighed by the model's calibration in use, if it has one. */
  calibrated: z.boolean(),
  /** Without a text: that of the calibration in use. */
  rounding: zJobRounding.extend({ settings: zRunSettings.nullable() }).optional(),
  device: zDeviceWish,
  threads: z.int().positive().max(1024).nullable(),
  gpuBufferMiB: zGpuBufferMiB.nullable().optional(),
  launcher: zLauncherName,
  /** When that is Slurm. */
  slurm: zSlurmSettings.optional(),
});

export type Job = z.infer<typeof zJob>;
export type JobState = z.infer<typeof zJobState>;
export type JobStatus = z.infer<typeof zJobStatus>;
export type JobWish = z.infer<typeof zJobWish>;
export type JobLog = z.infer<typeof zJobLog>;
export type JournalRecord = z.infer<typeof zJournalRecord>;
export type Launch = z.infer<typeof zLaunch>;
export type LauncherName = z.infer<typeof zLauncherName>;
export type Heartbeat = z.infer<typeof zHeartbeat>;
export type Device = z.infer<typeof zDevice>;
export type Versions = z.infer<typeof zVersions>;
