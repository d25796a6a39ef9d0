// One rewritten line on a terminal; nothing but a line per task elsewhere, so that logs stay short.

import { durationText, printable } from './commands/text.ts';
import type { ProgressEvent } from './progress.ts';
import type { Emit } from './session.ts';

/** More than the longest message; on a narrower terminal a line must not wrap, or each would stay. */
const MAX_WIDTH = 100;

export function stderrProgress(): { emit: Emit; clear(): void } {
  let shown = false;
  let lastTask = '';
  const width = (): number => Math.min(MAX_WIDTH, (process.stderr.columns ?? MAX_WIDTH + 1) - 1);
  const clear = (): void => {
    if (shown) process.stderr.write(`\r${' '.repeat(width())}\r`);
    shown = false;
  };
  const show = ({ task, done, total, message, secondsLeft }: ProgressEvent): void => {
    if (!process.stderr.isTTY) {
      if (task !== lastTask) process.stderr.write(`${task}…\n`);
      lastTask = task;
      return;
    }
    const percent = total > 0 ? Math.floor((done / total) * 100) : 100;
    const left = secondsLeft === null ? '' : ` · ${durationText(secondsLeft)} left`;
    const line = `${task} ${percent} %${left} · ${printable(message)}`;
    process.stderr.write(`\r${line.slice(0, width()).padEnd(width())}`);
    shown = true;
  };
  return {
    emit: (event, payload) => {
      if (event === 'progress') show(payload as ProgressEvent);
    },
    clear,
  };
}
