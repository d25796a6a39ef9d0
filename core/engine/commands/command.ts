// The shape of a command and the table of all of them; a command is one file and one line here.

import type { ParseArgsConfig } from 'node:util';
import type { Session } from '../session.ts';
import { activations } from './activations.ts';
import { evalCommand } from './eval.ts';
import { exportCommand } from './export.ts';
import { imatrix } from './imatrix.ts';
import { inspect } from './inspect.ts';
import { JOB_COMMANDS } from './job.ts';
import { plan } from './plan.ts';
import { sensitivity } from './sensitivity.ts';
import { stats } from './stats.ts';
import { verify } from './verify.ts';

export type OptionTable = NonNullable<ParseArgsConfig['options']>;
export type OptionValues = Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>;

export interface CommandInput {
  readonly session: Session;
  readonly positionals: readonly string[];
  readonly values: OptionValues;
  readonly signal: AbortSignal;
  /** Tells people something before the outcome is known; on stderr. */
  note(text: string): void;
}

export interface Outcome {
  /** False when the command did its work and the answer is bad news (a failed verification). */
  readonly ok: boolean;
  /** The `--json` object. */
  readonly json: object;
  /** The same for people. @param columns characters of the terminal's lines; Infinity for files and pipes */
  text(columns: number): string;
}

export interface Command {
  readonly name: string;
  readonly summary: string;
  readonly positionals: readonly string[];
  /** Rest of the usage line, with a leading space. */
  readonly usage: string;
  readonly options: OptionTable;
  run(input: CommandInput): Promise<Outcome>;
}

export const COMMON_OPTIONS = {
  json: { type: 'boolean' },
  threads: { type: 'string' },
  help: { type: 'boolean' },
} as const satisfies OptionTable;

export const COMMANDS: readonly Command[] = [
  inspect,
  stats,
  sensitivity,
  plan,
  exportCommand,
  verify,
  evalCommand,
  imatrix,
  activations,
  ...JOB_COMMANDS,
];
