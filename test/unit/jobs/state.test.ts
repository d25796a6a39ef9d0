// The state of a job from what is known: journal, processes, launcher.

import { describe, expect, it } from 'vitest';
import { deriveState, type Launched } from '../../../core/jobs/jobStatus.ts';
import { JournalSummary } from '../../../core/jobs/journalSummary.ts';
import type { Runners } from '../../../core/jobs/runnerFiles.ts';
import { JOB_STATES, type JournalRecord } from '../../../core/protocol/jobs.ts';

const head = { seq: 0, at: '2026-01-01T00:00:00Z', ms: 0 };
const versions = { quantscope: '1', node: '1', platform: 'x' };
const started = (attempt: number): JournalRecord => ({
  ...head,
  ...{ type: 'started', attempt, pid: 1, host: 'h', threads: 1, dropped: 0 },
});
const prepared = (fresh: boolean): JournalRecord => ({
  ...head,
  ...{
    type: 'prepared',
    versions,
    device: { kind: 'cpu', name: 'c', note: null },
    layout: '0',
    fresh,
    kept: 0,
    units: 9,
    bytes: 900,
  },
});
const unit = (index: number): JournalRecord => ({
  ...head,
  ...{ type: 'unit', unit: index, name: 'n', offset: 100 * index, bytes: 100, crc32: '0' },
});
const failed = (code: 'DISK_FULL' | 'FILE_CHANGED'): JournalRecord => ({ ...head, type: 'failed', code, message: 'm' });
const cancelled: JournalRecord = { ...head, type: 'cancelled' };
const paused: JournalRecord = { ...head, type: 'paused', reason: 'a signal' };
const succeeded: JournalRecord = {
  ...head,
  ...{
    type: 'succeeded',
    bytes: 1,
    bitsPerWeight: 1,
    seconds: 1,
    compared: 1,
    identical: 1,
    worstSqnr: 1,
    meanSqnr: 1,
  },
};

const summaryOf = (...records: readonly JournalRecord[]): JournalSummary => {
  const summary = new JournalSummary();
  for (const record of records) summary.add(record);
  return summary;
};

const process = { pid: 1, host: 'h', place: 'p', began: '1' };
const runners = (attempts: number, last: 'live' | 'killed' | 'ended'): Runners => ({
  attempts,
  ended: last === 'ended',
  live: last === 'live' ? { attempt: attempts, process } : null,
});
const nobody: Runners = { attempts: 0, ended: false, live: null };
const launched = (state: Launched['state'], begun: boolean): Launched => ({ state, begun });

describe('the state of a job', () => {
  it.each([
    ['made, not started', [], nobody, null, 'queued'],
    ['launched, its process on its way', [], nobody, launched('running', false), 'queued'],
    ['waiting in a queue', [], nobody, launched('waiting', false), 'queued'],
    ['with a launcher that cannot be asked', [], nobody, launched('unknown', false), 'queued'],
    [
      'paused, with a launcher that cannot be asked',
      [started(1), paused],
      runners(1, 'ended'),
      launched('unknown', true),
      'paused',
    ],
    [
      'killed, with a launcher that cannot be asked',
      [started(1)],
      runners(1, 'killed'),
      launched('unknown', true),
      'queued',
    ],
    ['launched, and the process died at once', [], nobody, launched('gone', false), 'lost'],
    ['claimed, nothing written yet', [], runners(1, 'live'), null, 'running'],
    ['running', [started(1)], runners(1, 'live'), null, 'running'],
    ['killed', [started(1), unit(0)], runners(1, 'killed'), launched('gone', true), 'lost'],
    ['killed before it could write', [], runners(1, 'killed'), null, 'lost'],
    ['failed', [started(1), failed('DISK_FULL')], runners(1, 'ended'), null, 'failed'],
    ['failed, process still ending', [started(1), failed('DISK_FULL')], runners(1, 'live'), null, 'failed'],
    [
      'failed, let go, process still ending',
      [started(1), failed('DISK_FULL')],
      runners(1, 'ended'),
      launched('running', true),
      'failed',
    ],
    ['cancelled', [started(1), cancelled], runners(1, 'ended'), launched('gone', true), 'cancelled'],
    ['killed while letting go', [started(1), cancelled], runners(1, 'killed'), null, 'cancelled'],
    ['cancelled without a runner', [started(1), cancelled], runners(2, 'ended'), null, 'cancelled'],
    ['paused', [started(1), paused], runners(1, 'ended'), null, 'paused'],
    ['paused, put back into the queue', [started(1), paused], runners(1, 'ended'), launched('waiting', true), 'queued'],
    [
      'paused, resumed, process on its way',
      [started(1), paused],
      runners(1, 'ended'),
      launched('running', false),
      'queued',
    ],
    ['paused, resumed, claimed', [started(1), paused], runners(2, 'live'), null, 'running'],
    ['paused, resumed, killed at once', [started(1), paused], runners(2, 'killed'), null, 'lost'],
    ['paused, resumed, running', [started(1), paused, started(2)], runners(2, 'live'), null, 'running'],
    ['let go without a word: no journal could be written', [started(1)], runners(1, 'ended'), null, 'lost'],
    ['succeeded', [started(1), succeeded], runners(1, 'killed'), null, 'succeeded'],
  ] as const)('%s: %5$s', (_, records, found, launch, state) => {
    expect(deriveState(summaryOf(...records), found, launch)).toBe(state);
  });

  it('has all its values shown above', () => {
    expect(JOB_STATES).toHaveLength(7);
  });
});

describe('a summary', () => {
  it('counts a unit that was written again once', () => {
    const { units } = summaryOf(started(1), prepared(true), unit(0), unit(1), started(2), prepared(false), unit(1));
    expect(units.size).toBe(2);
  });

  it('forgets units when an attempt begins anew, and when inputs changed: nobody knows which were read before', () => {
    expect(summaryOf(prepared(true), unit(0), prepared(true), unit(1)).units.size).toBe(1);
    expect(summaryOf(prepared(true), unit(0), failed('DISK_FULL')).units.size).toBe(1);
    expect(summaryOf(prepared(true), unit(0), failed('FILE_CHANGED')).units.size).toBe(0);
  });
});
