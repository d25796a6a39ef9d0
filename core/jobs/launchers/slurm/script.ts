// The batch script of a task: its log, the site's preparations, then the runner in the place of the shell.

import type { SlurmSettings } from '../../../protocol/slurm.ts';
import type { JobPaths } from '../../jobFolder.ts';
import type { RunnerCommand } from '../launcher.ts';
import { quoted } from './quote.ts';

/** Writes the shard its place in the array names. */
export function shardScript(paths: JobPaths, settings: SlurmSettings, command: RunnerCommand): string {
  // As `shardPaths` has it.
  const folder = `${quoted(paths.shards)}/"$(printf %04d "$SLURM_ARRAY_TASK_ID")"`;
  const runner = `${runnerLine(settings, command)} --shard "$SLURM_ARRAY_TASK_ID/${settings.shards}"`;
  return script([`mkdir -p -- ${folder} || exit 1`, `exec >>${folder}/runner.log 2>&1 || exit 1`], settings, runner);
}

/** Checks what the shards wrote, does what is missing, and finishes the job. */
export function finishScript(paths: JobPaths, settings: SlurmSettings, command: RunnerCommand): string {
  return script([`exec >>${quoted(paths.log)} 2>&1 || exit 1`], settings, runnerLine(settings, command));
}

function script(opening: readonly string[], { modules, prologue }: SlurmSettings, runner: string): string {
  // Inside an editor the program is Electron, to be a plain Node on the compute node as well.
  const electron = process.versions.electron === undefined ? [] : ['export ELECTRON_RUN_AS_NODE=1'];
  const preparations = [...modules.map((name) => `module load ${quoted(name)}`), ...prologue];
  return [
    // `module` is a function that only login shells know.
    preparations.length > 0 ? '#!/bin/bash -l' : '#!/bin/bash',
    ...opening,
    ...electron,
    ...preparations.map((line) => `${line} || exit 1`),
    // Slurm's signals reach the runner itself, which pauses: a task that is put back into the queue goes on later.
    `exec -- ${runner}`,
    '',
  ].join('\n');
}

function runnerLine({ container, node, engine, cpus }: SlurmSettings, { program, args }: RunnerCommand): string {
  const [script = '', ...rest] = args;
  const threads = cpus === null ? [] : ['--threads', String(cpus)];
  return [...container, node ?? program, engine ?? script, ...rest, ...threads].map(quoted).join(' ');
}
