// The command line: find the command, parse its arguments, run it, turn every outcome into an exit code.

import { parseArgs } from 'node:util';
import { isCancelled } from '../base/cancellation.ts';
import { isQuantscopeError, QuantscopeError, toFailure } from '../base/errors.ts';
import { COMMANDS, COMMON_OPTIONS, type Command, type OptionValues } from './commands/command.ts';
import { printableLines } from './commands/text.ts';
import { jsonText } from './jsonText.ts';
import { wholeOption } from './numberOption.ts';
import { Session } from './session.ts';
import { stderrProgress } from './stderrProgress.ts';
import { engineVersion } from './version.ts';

/** As the protocol allows jobs. */
const MAX_THREADS = 1024;

export const EXIT = { ok: 0, failed: 1, usage: 2, cancelled: 130 } as const;

/** @returns the exit code; results go to stdout, progress and messages to stderr. */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  const json = argv.includes('--json');
  const abort = new AbortController();
  const onSignal = (): void => abort.abort();
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  const progress = stderrProgress();
  const note = (text: string): void => {
    progress.clear();
    process.stderr.write(`${text}\n`);
  };
  try {
    const [first, ...others] = argv;
    if (first === '--version') {
      process.stdout.write(`${engineVersion()}\n`);
      return EXIT.ok;
    }
    if (first === undefined || ((first === 'help' || isHelp(first)) && others.length === 0)) {
      process.stdout.write(overview(COMMANDS));
      return EXIT.ok;
    }
    const group = COMMANDS.filter(({ name }) => name.startsWith(`${first} `));
    if (group.length > 0 && others.every(isHelp)) {
      process.stdout.write(overview(group));
      return EXIT.ok;
    }
    const { command, rest } = first === 'help' ? { ...findCommand(others), rest: ['--help'] } : findCommand(argv);
    if (rest.some(isHelp)) {
      process.stdout.write(usage(command));
      return EXIT.ok;
    }
    const { values, positionals }: { values: OptionValues; positionals: string[] } = parse(command, rest);
    const threads = wholeOption(values.threads, '--threads', MAX_THREADS);
    await using session = new Session(progress.emit, {
      threads,
      sensitivityElements: values.exact === true ? Number.POSITIVE_INFINITY : undefined,
    });
    const outcome = await command.run({ session, positionals, values, signal: abort.signal, note });
    progress.clear();
    process.stdout.write(
      json ? jsonText(outcome.json) : outcome.text(process.stdout.columns ?? Number.POSITIVE_INFINITY),
    );
    return outcome.ok ? EXIT.ok : EXIT.failed;
  } catch (error) {
    progress.clear();
    const failure = toFailure(error);
    if (json) process.stdout.write(jsonText({ error: failure }));
    else process.stderr.write(`quantscope: ${isCancelled(error) ? 'cancelled' : printableLines(failure.message)}\n`);
    if (process.env.QUANTSCOPE_DEBUG && error instanceof Error) process.stderr.write(`${error.stack}\n`);
    if (isCancelled(error)) return EXIT.cancelled;
    return isQuantscopeError(error) && error.code === 'USAGE' ? EXIT.usage : EXIT.failed;
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}

/** A command's name is one word or two. */
function findCommand(argv: readonly string[]): { command: Command; rest: readonly string[] } {
  for (const words of [1, 2]) {
    const name = argv.slice(0, words).join(' ');
    const command = COMMANDS.find((c) => c.name === name);
    if (command !== undefined) return { command, rest: argv.slice(words) };
  }
  const [first, second = ''] = argv;
  const group = COMMANDS.filter(({ name }) => name.startsWith(`${first} `));
  const [asked, known] = group.length > 0 ? [`${first} ${second}`, group] : [first, COMMANDS];
  throw new QuantscopeError('USAGE', `no command "${asked}"; commands: ${known.map(({ name }) => name).join(', ')}`);
}

function isHelp(argument: string): boolean {
  return argument === '--help' || argument === '-h';
}

function parse(command: Command, args: readonly string[]) {
  try {
    const parsed = parseArgs({
      args: [...args],
      options: { ...COMMON_OPTIONS, ...command.options },
      allowPositionals: true,
      strict: true,
    });
    if (parsed.positionals.length !== command.positionals.length)
      throw new Error(
        `expected ${command.positionals.join(' ') || 'no argument'}, got ${parsed.positionals.length === 0 ? 'nothing' : parsed.positionals.join(' ')}`,
      );
    return parsed;
  } catch (error) {
    // Of an unknown option Node goes on to explain positional arguments.
    const fact = (error as Error).message.replace(/\. To specify a positional argument .*$/s, '');
    throw new QuantscopeError('USAGE', `${command.name}: ${fact}\n${usage(command)}`.trimEnd(), { cause: error });
  }
}

function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map((c) => c.name.length));
  const lines = commands.map((c) => `  ${c.name.padEnd(width)}  ${c.summary}`);
  return `quantscope COMMAND …\n\n${lines.join('\n')}\n\nEvery command takes --json, --threads N and --help.\n`;
}

function usage(command: Command): string {
  const { name, positionals, summary } = command;
  return `usage: quantscope ${[name, ...positionals].join(' ')}${command.usage}\n  ${summary}\n`;
}
