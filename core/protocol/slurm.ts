// What a job asks of Slurm. Every text ends up on a command line or in a batch script, so each has a narrow alphabet.

import * as z from 'zod';

/** slurm.conf(5): arrays end at MaxArraySize − 1, 1000 unless a site says otherwise. */
export const MAX_SHARDS_OF_A_JOB = 1000;
const text = (pattern: RegExp, expected: string): z.ZodString => z.string().max(256).regex(pattern, expected);
/** One word of sbatch's own syntax: nothing a shell or sbatch's `#SBATCH` lines give a meaning to, no leading dash. */
const word = text(/^[A-Za-z0-9][A-Za-z0-9_.,:=+@/*-]*$/, 'expected letters, digits and _.,:=+@/*- only');
/** A simple command without quotes, variables, pipes or redirections. */
const line = text(/^[A-Za-z0-9_./][A-Za-z0-9_.,:=+@/% -]*$/, 'expected a plain command without shell characters');
/** Put into the script in quotes: anything but a NUL, which no argument can hold. */
const argument = z
  .string()
  .min(1)
  .max(4096)
  .refine((value) => !value.includes('\0'), 'expected no NUL');

/** `slurm` in job.json, and the file given with `--slurm-settings`. */
export const zSlurmSettings = z.strictObject({
  /** Tasks of the array; each writes a share of the tensors. */
  shards: z.int().min(1).max(MAX_SHARDS_OF_A_JOB).default(4),
  /** Tasks that may run at the same time; null = as many as there is room for. */
  atOnce: z.int().min(1).max(MAX_SHARDS_OF_A_JOB).nullable().default(null),
  partition: word.nullable().default(null),
  account: word.nullable().default(null),
  qos: word.nullable().default(null),
  constraint: word.nullable().default(null),
  /** Of one task, in any of Slurm's spellings: 90, 2:00:00, 1-12. */
  time: text(/^\d{1,5}(-\d{1,2})?(:\d{1,2}){0,2}$/, 'expected minutes, H:M:S or D-H')
    .nullable()
    .default(null),
  /** "gpu:1" */
  gres: word.nullable().default(null),
  /** Of one task: "16G". */
  memory: text(/^\d{1,9}[KMGT]?$/, 'expected a number with K, M, G or T')
    .nullable()
    .default(null),
  /** Of one task. */
  cpus: z.int().min(1).max(1024).nullable().default(null),
  /** Arguments of `module load`. */
  modules: z.array(word).max(32).default([]),
  /** Lines before the runner starts, such as "source /opt/env.sh". */
  prologue: z.array(line).max(32).default([]),
  /** Put before the runner's command: ["apptainer", "exec", "/images/node.sif"]. */
  container: z.array(argument).max(32).default([]),
  /** Node.js on the compute nodes; null = the program that submits. */
  node: argument.nullable().default(null),
  /** The engine's script on the compute nodes; null = the one that submits. */
  engine: argument.nullable().default(null),
  /** Login node that sbatch, squeue and scancel run on, through `ssh`; null = this machine. */
  ssh: text(/^[A-Za-z0-9][A-Za-z0-9._@-]*$/, 'expected [USER@]HOST or a name of ssh_config')
    .nullable()
    .default(null),
  /** How long one answer of Slurm is waited for. */
  timeoutSeconds: z.int().min(1).max(600).default(60),
});

export type SlurmSettings = z.infer<typeof zSlurmSettings>;
