// One rewritten line on a terminal; nothing but a line per task elsewhere, so that logs stay short.

import type { ProgressEvent } from './progress.ts';
import type { Emit } from './session.ts';

const LINE_WIDTH = 100;

export function stderrProgress(): { emit: Emit; clear(): void } {
  let shown = false;
  let lastTask = '';
  const clear = (): void => {
    if (shown) process.stderr.write(`\r${' '.repeat(LINE_WIDTH)}\r`);
    shown = false;
  };
  const show = ({ task, done, total, message, secondsLeft }: ProgressEvent): void => {
    if (!process.stderr.isTTY) {
      if (task !== lastTask) process.stderr.write(`${task}…\n`);
      lastTask = task;
      return;
    }
    const percent = total > 0 ? Math.floor((done / total) * 100) : 100;
    const left = secondsLeft === null ? '' : ` · ${Math.ceil(secondsLeft)} s left`;
    process.stderr.write(`\r${`${task} ${percent} %${left} · ${message}`.slice(0, LINE_WIDTH).padEnd(LINE_WIDTH)}`);
    shown = true;
  };
  return {
    emit: (event, payload) => {
      if (event === 'progress') show(payload as ProgressEvent);
    },
    clear,
  };
}
