// The command line: find the command, parse its arguments, run it, turn every outcome into an exit code.

import { parseArgs } from 'node:util';
import { isCancelled } from '../base/cancellation.ts';
import { isQuantscopeError, QuantscopeError, toFailure } from '../base/errors.ts';
import { COMMANDS, COMMON_OPTIONS, type Command, type OptionValues } from './commands/command.ts';
import { jsonText } from './jsonText.ts';
import { numberOption } from './numberOption.ts';
import { Session } from './session.ts';
import { stderrProgress } from './stderrProgress.ts';

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
    const [first] = argv;
    if (first === undefined || first === 'help' || first === '--help') {
      process.stdout.write(overview());
      return EXIT.ok;
    }
    const { command, rest } = findCommand(argv);
    if (rest.includes('--help')) {
      process.stdout.write(usage(command));
      return EXIT.ok;
    }
    const { values, positionals }: { values: OptionValues; positionals: string[] } = parse(command, rest);
    const threads = numberOption(values.threads, '--threads');
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
    else process.stderr.write(`quantscope: ${failure.message}\n`);
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
  throw new QuantscopeError('USAGE', `no command "${argv[0]}"; commands: ${COMMANDS.map((c) => c.name).join(', ')}`);
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
      throw new Error(`expected ${command.positionals.join(' ')}, got ${parsed.positionals.length} argument(s)`);
    return parsed;
  } catch (error) {
    throw new QuantscopeError('USAGE', `${command.name}: ${(error as Error).message}\n${usage(command)}`, {
      cause: error,
    });
  }
}

function overview(): string {
  const width = Math.max(...COMMANDS.map((c) => c.name.length));
  const lines = COMMANDS.map((c) => `  ${c.name.padEnd(width)}  ${c.summary}`);
  return `quantscope COMMAND …\n\n${lines.join('\n')}\n\nEvery command takes --json, --threads N and --help.\n`;
}

function usage(command: Command): string {
  return `usage: quantscope ${command.name} ${command.positionals.join(' ')}${command.usage}\n  ${command.summary}\n`;
}
