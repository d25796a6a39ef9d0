// `quantscope job …`: exports that outlive the shell or window they were started from.

import { resolve } from 'node:path';
import { MAX_PLAN_CHARACTERS, parsePlan } from '../../allocation/planDocument.ts';
import { bytesText } from '../../base/byteText.ts';
import { QuantscopeError } from '../../base/errors.ts';
import { EXPORTERS } from '../../export/registry.ts';
import { readTextFile } from '../../io/textFile.ts';
import { isJobFolder } from '../../jobs/jobFolder.ts';
import type { Shard } from '../../jobs/shards.ts';
import { maxRunning, setMaxRunning } from '../../jobs/turns.ts';
import { type JobWish, LAUNCHERS, zJobWish } from '../../protocol/jobs.ts';
import { MAX_SHARDS_OF_A_JOB } from '../../protocol/slurm.ts';
import { NO_IMATRIX } from '../importanceFile.ts';
import { continueJob, JobWatch, jobLog, makeJob, runJobHere, runShardHere, startJob, stopJob } from '../jobs.ts';
import { numberOption } from '../numberOption.ts';
import type { Command, CommandInput, OptionTable, Outcome } from './command.ts';
import { jobLines, recordLine, resultText, statusText } from './jobText.ts';
import { ROUNDING_OPTIONS, ROUNDING_USAGE, roundingOption } from './roundingOptions.ts';
import { readSlurmOptions, refuseSlurmOptions, SLURM_OPTIONS, SLURM_USAGE } from './slurmOptions.ts';
import { printable, printableLines } from './text.ts';

const WISH_OPTIONS = {
  plan: { type: 'string' },
  format: { type: 'string' },
  output: { type: 'string', short: 'o' },
  name: { type: 'string' },
  imatrix: { type: 'string' },
  device: { type: 'string' },
  'gpu-buffer': { type: 'string' },
  launcher: { type: 'string' },
  ...ROUNDING_OPTIONS,
} as const satisfies OptionTable;

const WISH_USAGE = ` --plan NAME.quantplan.json --format ${Object.keys(EXPORTERS).join('|')} -o JOBFOLDER [--name FILE] [--imatrix FILE|none]${ROUNDING_USAGE} [--device auto|cpu|gpu[:NAME]] [--gpu-buffer MIB]`;

const FOLLOW_MS = 500;

const run: Command = {
  name: 'job run',
  summary: 'make a job and run it here; or run what is left of one, or of one shard of it',
  positionals: ['FILE|DIR|INDEX.json|JOBFOLDER'],
  usage: `${WISH_USAGE.replace(' --plan', ' [--plan')}] | [--shard I/N | --in-turn]`,
  options: { ...WISH_OPTIONS, shard: { type: 'string' }, 'in-turn': { type: 'boolean' } },
  async run(input) {
    const { session, positionals, values, signal, note } = input;
    const [path = ''] = positionals;
    if (values.shard !== undefined) {
      const result = await runShardHere(session, path, readShard(values.shard), signal);
      const text = `shard ${values.shard} written: ${result.units} units, ${bytesText(result.bytes)}\n`;
      return { ok: true, json: { folder: resolve(path), ...result }, text: () => text };
    }
    const isJob = await isJobFolder(path);
    if (!isJob && values.plan === undefined)
      throw new QuantscopeError('USAGE', `job run: ${path}: no job, and to make one of a model --plan is missing`);
    const folder = isJob ? resolve(path) : await makeJob(session, await readWish(input), signal);
    const running = runJobHere(session, folder, signal, { inTurn: values['in-turn'] === true });
    const result = await running.catch((error: unknown) => {
      if (signal.aborted) note(`paused: "job run" or "job resume" of ${printable(folder)} goes on`);
      throw error;
    });
    return { ok: true, json: { folder, ...result }, text: () => resultText(folder, result) };
  },
};

const submit: Command = {
  name: 'job submit',
  summary: 'make a job and hand it to a launcher; it runs on when this shell ends',
  positionals: ['FILE|DIR|INDEX.json'],
  usage: `${WISH_USAGE} [--launcher ${LAUNCHERS.join('|')}]${SLURM_USAGE}`,
  options: { ...WISH_OPTIONS, ...SLURM_OPTIONS },
  async run(input) {
    const status = await startJob(input.session, await readWish(input), input.signal);
    return { ok: true, json: status, text: () => statusText(status) };
  },
};

const status: Command = {
  name: 'job status',
  summary: 'state and progress of a job',
  positionals: ['JOBFOLDER'],
  usage: '',
  options: {},
  async run({ positionals: [folder = ''] }) {
    const found = await new JobWatch({ wait: true }).status(folder);
    return { ok: found.state !== 'failed' && found.state !== 'lost', json: found, text: () => statusText(found) };
  },
};

const logs: Command = {
  name: 'job logs',
  summary: 'what a job, or one shard of it, did, record by record; --follow until it ends',
  positionals: ['JOBFOLDER'],
  usage: ' [--follow | --shard I/N]',
  options: { follow: { type: 'boolean' }, shard: { type: 'string' } },
  async run({ positionals: [folder = ''], values, signal, note }) {
    const shard = values.shard === undefined ? undefined : readShard(values.shard).index;
    if (values.follow === true) await follow(folder, signal, note);
    const { records, printed } = await jobLog(folder, 0, shard);
    const lines = values.follow === true ? [] : records.map(recordLine);
    return { ok: true, json: { records, printed }, text: () => [...lines, printableLines(printed)].join('\n') };
  },
};

const cancel: Command = {
  name: 'job cancel',
  summary: 'stop a job; what it has written is kept for a resume',
  positionals: ['JOBFOLDER'],
  usage: '',
  options: {},
  async run({ positionals: [folder = ''] }) {
    const after = await stopJob(folder);
    return { ok: after.state === 'cancelled', json: after, text: () => statusText(after) };
  },
};

const resume: Command = {
  name: 'job resume',
  summary: 'go on with a job that was paused, cancelled, lost or has failed',
  positionals: ['JOBFOLDER'],
  usage: '',
  options: {},
  async run({ positionals: [folder = ''] }) {
    const after = await continueJob(folder);
    return { ok: true, json: after, text: () => statusText(after) };
  },
};

const list: Command = {
  name: 'job list',
  summary: 'the jobs of this user, newest first',
  positionals: [],
  usage: '',
  options: {},
  async run(): Promise<Outcome> {
    const jobs = await new JobWatch({ wait: true }).list();
    return { ok: true, json: { jobs }, text: () => jobLines(jobs) };
  },
};

const limit: Command = {
  name: 'job limit',
  summary: 'how many submitted jobs run at once on this machine; the others wait their turn',
  positionals: [],
  usage: ' [--set N]',
  options: { set: { type: 'string' } },
  async run({ values: { set } }) {
    if (set !== undefined) await setMaxRunning(readLimit(set));
    const count = await maxRunning();
    return { ok: true, json: { maxRunning: count }, text: () => (count === 0 ? 'no limit\n' : `${count}\n`) };
  },
};

export const JOB_COMMANDS: readonly Command[] = [run, submit, status, logs, cancel, resume, list, limit];

/** @throws USAGE, PLAN_INVALID, FILE_NOT_FOUND */
async function readWish({ session, positionals: [model = ''], values, signal }: CommandInput): Promise<JobWish> {
  const { plan: planPath, output } = values;
  if (typeof planPath !== 'string') throw new QuantscopeError('USAGE', 'job: --plan is missing');
  if (typeof output !== 'string') throw new QuantscopeError('USAGE', 'job: -o JOBFOLDER is missing');
  const plan = parsePlan(await readTextFile(planPath, MAX_PLAN_CHARACTERS), planPath);
  const settings = await roundingOption(session, () => session.open(model, signal), values, 'job');
  const parsed = zJobWish.omit({ plan: true }).safeParse({
    model: resolve(model),
    format: values.format,
    folder: resolve(output),
    output: values.name ?? null,
    importance: typeof values.imatrix === 'string' && values.imatrix !== NO_IMATRIX ? resolve(values.imatrix) : null,
    calibrated: values.imatrix === undefined,
    rounding: settings === undefined ? undefined : { method: 'gptq', settings },
    device: values.device ?? 'auto',
    threads: numberOption(values.threads, '--threads') ?? session.options.threads ?? null,
    gpuBufferMiB: numberOption(values['gpu-buffer'], '--gpu-buffer') ?? null,
    launcher: values.launcher ?? 'local',
    slurm: values.launcher === 'slurm' ? await readSlurmOptions(values) : refuseSlurmOptions(values),
  });
  if (parsed.success) return { ...parsed.data, plan };
  const [issue] = parsed.error.issues;
  const flag =
    { output: 'name', importance: 'imatrix', gpuBufferMiB: 'gpu-buffer' }[String(issue?.path[0])] ?? issue?.path[0];
  throw new QuantscopeError('USAGE', `job: --${String(flag)}: ${issue?.message ?? 'invalid'}`);
}

/** @throws USAGE unless it is a whole number; 0 = no limit */
function readLimit(text: unknown): number {
  if (/^\d{1,4}$/.test(String(text))) return Number(text);
  throw new QuantscopeError('USAGE', `job limit: --set takes a whole number, 0 for no limit, not "${text}"`);
}

/** @throws USAGE unless it is "I/N" with 1 ≤ I ≤ N */
function readShard(text: unknown): Shard {
  const [, index = 0, of = 0] = (/^(\d{1,4})\/(\d{1,4})$/.exec(String(text)) ?? []).map(Number);
  if (index >= 1 && index <= of && of <= MAX_SHARDS_OF_A_JOB) return { index, of };
  throw new QuantscopeError('USAGE', `job: --shard takes I/N, 1 to ${MAX_SHARDS_OF_A_JOB}, not "${text}"`);
}

/** Tells records as they come, until the job has no runner any more. */
async function follow(folder: string, signal: AbortSignal, note: (text: string) => void): Promise<void> {
  const watch = new JobWatch({ wait: false });
  for (let from = 0; ; ) {
    const { state } = await watch.status(folder);
    const { records, next } = await jobLog(folder, from);
    for (const record of records) note(recordLine(record));
    from = next;
    if (signal.aborted || (state !== 'running' && state !== 'queued')) return;
    await new Promise((done) => setTimeout(done, FOLLOW_MS));
  }
}
