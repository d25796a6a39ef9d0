// The fuzzer's command line.

import { parseArgs } from 'node:util';

export interface FuzzOptions {
  readonly executions: number;
  readonly seed: number;
  /** Names of subjects; all when empty. */
  readonly readers: readonly string[];
  /** At most so long per subject. */
  readonly seconds: number;
  readonly processes: number;
  /** Only this execution, told in full. */
  readonly only: number | null;
}

export const USAGE =
  'usage: npm run fuzz -- [--reader NAME]… [--executions N] [--seconds S] [--seed N] [--processes N] [--only EXECUTION]';

/** @throws TypeError or RangeError with a sentence */
export function fuzzOptions(argv: readonly string[], cores: number): FuzzOptions {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      executions: { type: 'string', default: '20000' },
      seed: { type: 'string', default: '1' },
      reader: { type: 'string', multiple: true, default: [] },
      seconds: { type: 'string', default: '3600' },
      processes: { type: 'string', default: String(cores) },
      only: { type: 'string' },
    },
  });
  return {
    executions: whole('executions', values.executions),
    seed: whole('seed', values.seed),
    readers: values.reader,
    seconds: whole('seconds', values.seconds),
    processes: Math.max(1, whole('processes', values.processes)),
    only: values.only === undefined ? null : whole('only', values.only),
  };
}

function whole(name: string, text: string): number {
  const value = Number(text);
  if (text !== '' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new RangeError(`--${name} takes a whole number, not ${JSON.stringify(text)}`);
}
