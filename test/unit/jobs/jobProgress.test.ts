// How far a runner is: every phase counts for itself, and what was there before takes no time.

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { JobProgress } from '../../../core/jobs/jobProgress.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

it('estimates the rest of a phase from what it has done itself', () => {
  const progress = new JobProgress();
  progress.enter('writing', 600);
  expect(progress.now).toMatchObject({ phase: 'writing', doneBytes: 600, totalBytes: 0, secondsLeft: null });
  vi.advanceTimersByTime(1000);
  progress.report(601, 1000, 'a');
  expect(progress.now.secondsLeft).toBe(null); // a quarter of a hundredth says nothing
  vi.advanceTimersByTime(1000);
  progress.report(700, 1000, 'b');
  expect(progress.now).toMatchObject({ doneBytes: 700, totalBytes: 1000, message: 'b' });
  expect(progress.now.secondsLeft).toBeCloseTo(6);
  progress.enter('verifying');
  expect(progress.now).toMatchObject({ phase: 'verifying', doneBytes: 0, totalBytes: 0, secondsLeft: null });
  vi.advanceTimersByTime(500);
  progress.report(250, 500, 'a');
  expect(progress.now.secondsLeft).toBeCloseTo(0.5);
});
