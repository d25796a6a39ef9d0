// Several at once, asked to stop, or with a clock that jumps.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { lastOf, readRecords, unitsIn, until } from '../journal.ts';
import { ended, failureOf, type Options, type Rig, start, stateOf, succeed, wish } from '../rig.ts';
import { compareOutput, expect, type Scenario } from '../scenario.ts';
import { FOR_EVER_MS, slowDisk } from '../slowDisk.ts';
import { halfDone, stopped } from './damage.ts';

const AT_ONCE = 4;

export const secondRunner: Scenario = {
  name: 'two and more runners on one job',
  async run(rig, counts) {
    const folder = join(rig.folder, 'contested');
    const runner = await stopped(rig, folder);
    counts.injected += 1;
    expect((await failureOf(rig, ['job', 'run', folder])) === 'JOB_RUNNING', 'a second runner was let in');
    expect((await failureOf(rig, ['job', 'resume', folder])) === 'JOB_RUNNING', 'a live job was resumed');
    runner.child.kill('SIGCONT');
    const { code } = await runner.end;
    expect(code === 0, `the first runner ended with ${code}`);
    compareOutput(rig, counts, folder);
    const half = await halfDone(rig, 'raced for');
    const runners = Array.from({ length: AT_ONCE }, () => ended(start(rig, ['job', 'run', half, '--json'])));
    counts.injected += AT_ONCE - 1;
    counts.resumes += 1;
    const codes = (await Promise.all(runners)).map((end) => end.code === 0 || errorOf(end.stdout));
    expect(codes.filter((code) => code === true).length === 1, `${AT_ONCE} runners at once ended with ${codes}`);
    const polite = codes.every((code) => code === true || code === 'JOB_RUNNING' || code === 'JOB_STATE');
    expect(polite, `${AT_ONCE} runners at once ended with ${codes}`);
    compareOutput(rig, counts, half);
    return 'JOB_RUNNING; exactly one ran';
  },
};

export const jumpingClock: Scenario = {
  name: 'clock jumps by days',
  async run(rig, counts) {
    const folder = join(rig.folder, 'clock');
    const jumping = clock(rig, 'jumping', 'let n = 0; const skew = () => (n++ % 2 === 0 ? 1 : -1) * 3 * 86400e3');
    const runner = await stopped(rig, folder, jumping);
    for (const [name, skew] of [
      ['ahead', 400 * 86_400e3],
      ['behind', -400 * 86_400e3],
    ] as const) {
      counts.injected += 1;
      const state = await stateOf(rig, folder, clock(rig, name, `const skew = () => ${skew}`));
      expect(state === 'running', `seen by a clock ${name}, the live job is ${state}`);
      expect(
        (await failureOf(rig, ['job', 'run', folder], clock(rig, name, `const skew = () => ${skew}`))) ===
          'JOB_RUNNING',
        'let in',
      );
    }
    runner.child.kill('SIGKILL');
    await runner.end;
    counts.injected += 1;
    expect((await stateOf(rig, folder)) === 'lost', 'a killed job is not lost');
    counts.resumes += 1;
    await succeed(rig, ['job', 'run', folder], jumping);
    const times = readRecords(folder).map(({ record }) => record.at);
    expect(times.join() !== times.toSorted().join(), 'the clock did not jump');
    compareOutput(rig, counts, folder);
    return 'running while alive, lost when killed';
  },
};

export const cancelled: Scenario = {
  name: 'cancelled, paused by SIGTERM, resumed',
  async run(rig, counts) {
    const folder = join(rig.folder, 'cancelled');
    const runner = await stopped(rig, folder);
    const cancel = ended(start(rig, ['job', 'cancel', folder]));
    await until('the request', () => existsSync(join(folder, 'stop')));
    counts.injected += 1;
    const began = performance.now();
    runner.child.kill('SIGCONT');
    await until('the answer', () => lastOf(folder)?.type === 'cancelled');
    const answeredMs = performance.now() - began;
    expect(answeredMs < 1000, `cancelled after ${answeredMs.toFixed(0)} ms`);
    expect((await runner.end).code === 130 && (await cancel).code === 0, 'the exit codes are wrong');
    expect((await stateOf(rig, folder)) === 'cancelled', 'the state is not cancelled');
    counts.resumes += 1;
    const again = await stopped(rig, folder);
    again.child.kill('SIGTERM');
    counts.injected += 1;
    again.child.kill('SIGCONT');
    expect((await again.end).code === 130, 'SIGTERM did not stop it');
    expect((await stateOf(rig, folder)) === 'paused', 'the state is not paused');
    counts.resumes += 1;
    await succeed(rig, ['job', 'resume', folder]);
    await until('the end', () => lastOf(folder)?.type === 'succeeded');
    compareOutput(rig, counts, folder);
    return `answered after ${answeredMs.toFixed(0)} ms`;
  },
};

export const hostileNames: Scenario = {
  name: 'paths with spaces, quotes, newlines, unicode and shell syntax',
  async run(rig, counts) {
    const parent = join(rig.folder, 'a "b\' $(touch pwned) `touch pwned`; touch pwned\n€ 模型 %PATH%');
    mkdirSync(parent);
    const folder = join(parent, '--o\'b"\n& job');
    counts.injected += 1;
    const { nodeOptions } = slowDisk(rig.folder, FOR_EVER_MS, { shards: ['last'] });
    await succeed(rig, ['job', 'submit', ...wish(rig, folder)], { env: { NODE_OPTIONS: nodeOptions } });
    await until('some units', () => unitsIn(folder).length > 0);
    process.kill(runnerOf(folder), 'SIGKILL');
    await until('the runner to be gone', () => !existsSync(`/proc/${runnerOf(folder)}/exe`));
    counts.resumes += 1;
    await succeed(rig, ['job', 'resume', folder]);
    await until('the end', () => lastOf(folder)?.type === 'succeeded');
    compareOutput(rig, counts, folder);
    const escaped = [parent, folder, process.cwd(), rig.folder, process.env.HOME ?? '/'].filter((path) =>
      existsSync(join(path, 'pwned')),
    );
    expect(escaped.length === 0, 'a shell has read a path');
    return 'no shell anywhere';
  },
};

/** A Node whose Date is `skew()` milliseconds off. */
function clock({ folder }: Rig, name: string, skew: string): Options {
  const path = join(folder, `${name}.mjs`);
  const now = 'const real = Date.now; const Real = Date;';
  const skewed = 'class Skewed extends Real { constructor(...a) { a.length ? super(...a) : super(Skewed.now()); } }';
  writeFileSync(path, `${now} ${skew}; ${skewed} Skewed.now = () => real() + skew(); globalThis.Date = Skewed;\n`);
  return { env: { NODE_OPTIONS: `--import ${pathToFileURL(path).href}` } };
}

function errorOf(stdout: string): string {
  return (JSON.parse(stdout) as { error: { code: string } }).error.code;
}

function runnerOf(folder: string): number {
  return (JSON.parse(readFileSync(join(folder, 'launch.json'), 'utf8')) as { handle: { pid: number } }).handle.pid;
}
