// Turns on one machine: as many at once as the user wants, in order, whoever dies meanwhile.

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { identifyProcess } from '../../../core/io/processIdentity.ts';
import { maxRunning, setMaxRunning, takeTurn, turnsBefore } from '../../../core/jobs/turns.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';

const parent = temporaryFolder();
const MODULE = fileURLToPath(new URL('../../../core/jobs/turns.ts', import.meta.url));
/** Says when it has its turn, and holds it until its input ends. */
const HOLDER = `const { takeTurn } = await import(${JSON.stringify(MODULE)});
console.log('asks');
const turn = await takeTurn(async () => false);
console.log('has it');
process.stdin.on('end', () => turn[Symbol.asyncDispose]()).resume();`;
const never = async (): Promise<boolean> => false;
let states = 0;
let children: Holder[] = [];

interface Holder {
  readonly child: ChildProcess;
  readonly said: () => string;
}

beforeEach(() => {
  process.env.QUANTSCOPE_STATE = join(parent, String(states++));
});
afterEach(() => {
  for (const { child } of children) child.kill('SIGKILL');
  children = [];
});

function holder(): Holder {
  const child = spawn(process.execPath, ['--input-type=module', '-e', HOLDER], { stdio: ['pipe', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk;
  });
  const one = { child, said: () => text };
  children.push(one);
  return one;
}

const having = (): number => children.filter(({ child, said }) => alive(child) && said().includes('has it')).length;
const alive = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode === null && signalCode === null;
const turns = (): string[] => {
  const folder = join(process.env.QUANTSCOPE_STATE ?? '', 'turns');
  return existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')) : [];
};

async function until(wanted: () => boolean | Promise<boolean>): Promise<void> {
  for (let look = 0; look < 400 && !(await wanted()); look++) await sleep(25);
  expect(await wanted()).toBe(true);
}

describe('a turn', () => {
  it('is had by as many processes as the limit says, by the next when one lets go or is killed', {
    timeout: 60_000,
  }, async () => {
    await setMaxRunning(2);
    for (let count = 0; count < 6; count++) holder();
    const most: number[] = [];
    for (let left = 6; left > 0; left--) {
      await until(() => having() === Math.min(2, left));
      most.push(having());
      const running = children.find(({ child, said }) => alive(child) && said().includes('has it'));
      if (left % 2 === 0) running?.child.kill('SIGKILL');
      else running?.child.stdin?.end();
      await until(() => running !== undefined && !alive(running.child));
    }
    expect(Math.max(...most)).toBe(2);
    // What was killed is cleared away by whoever comes next.
    await (await takeTurn(never))[Symbol.asyncDispose]();
    expect(turns()).toEqual([]);
  });

  it('comes in the order of asking; a process can be told how many are before it', { timeout: 60_000 }, async () => {
    await setMaxRunning(1);
    const order = [];
    for (let count = 0; count < 3; count++) {
      order.push(holder());
      await until(() => turns().length === count + 1);
    }
    for (const [place, { child }] of order.entries())
      expect(await turnsBefore(await identifyProcess(child.pid))).toBe(place);
    expect(await turnsBefore(await identifyProcess())).toBe(null);
    for (const [place, { child, said }] of order.entries()) {
      await until(() => said().includes('has it'));
      expect(order.slice(place + 1).some((later) => later.said().includes('has it'))).toBe(false);
      child.stdin?.end();
    }
  });

  it('is not waited for any more when it is off, or when the limit is raised', async () => {
    await setMaxRunning(1);
    await using _ = await takeTurn(never);
    await using _off = await takeTurn(async () => true);
    let raised = false;
    const waiting = takeTurn(never).then((turn) => {
      expect(raised).toBe(true);
      return turn;
    });
    await sleep(500);
    raised = true;
    await setMaxRunning(0);
    await (await waiting)[Symbol.asyncDispose]();
  });

  it('is kept from nobody by what is no number of a process seen from here', async () => {
    const folder = join(process.env.QUANTSCOPE_STATE ?? '', 'turns');
    mkdirSync(folder, { recursive: true });
    const own = await identifyProcess();
    const others = [{ ...own, place: 'another boot' }, { ...own, began: '12345' }, 'nobody', null];
    for (const [index, other] of others.entries())
      writeFileSync(join(folder, `00000000${index + 1}.json`), JSON.stringify(other));
    writeFileSync(join(folder, 'notes.txt'), '');
    await using _ = await takeTurn(never);
    expect(turns()).toContain('000000005.json');
  });
});

describe('the limit', () => {
  it('is one until it is set, and whatever is no number is none', async () => {
    expect(await maxRunning()).toBe(1);
    await setMaxRunning(3);
    expect(await maxRunning()).toBe(3);
    for (const text of ['', '-1', '1.5', 'many']) {
      writeFileSync(join(process.env.QUANTSCOPE_STATE ?? '', 'max-running'), text);
      expect(await maxRunning(), text).toBe(1);
    }
  });
});
