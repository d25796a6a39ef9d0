import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { JobLog, JobStatus, JournalRecord } from '../../../core/protocol/jobs.ts';
import { AwaitedJobs } from '../../../extension/jobsEnd.ts';
import { detailRows, jobRow } from '../../../extension/jobsItems.ts';
import { JobsLog } from '../../../extension/jobsLog.ts';
import { isActive, left, logLine, percentOfAll } from '../../../extension/jobsText.ts';
import { JobsWatch, pollDelay } from '../../../extension/jobsWatch.ts';

vi.mock('vscode', () => ({
  l10n: {
    t: (text: string, ...values: unknown[]) =>
      text.replaceAll(/\{(\d)\}/g, (_, index) => String(values[Number(index)])),
  },
}));

const running: JobStatus = {
  folder: '/models/llama-4bpw.job',
  id: 'x',
  name: 'llama',
  state: 'running',
  model: '/models/llama.safetensors',
  format: 'gguf',
  output: '/models/llama-4bpw.job/out/llama.gguf',
  createdAt: '2026-01-01T00:00:00.000Z',
  changedAt: '2026-01-01T00:00:01.000Z',
  launcher: 'local',
  launched: true,
  device: { kind: 'cpu', name: 'CPU, 8 threads', note: 'no GPU was found' },
  attempts: 1,
  runner: { pid: 7, host: 'desk' },
  units: { done: 1, total: 4 },
  bytes: { done: 25, total: 100 },
  progress: {
    ...{ phase: 'writing', doneBytes: 25, totalBytes: 100, message: 'blk.0', secondsLeft: 240 },
    ...{ load: 7.5, processors: 8, gpuBusy: null },
  },
  failure: null,
  result: null,
};
const over = { ...running, runner: null, progress: null };
const succeeded: JobStatus = {
  ...over,
  state: 'succeeded',
  result: { bytes: 1_200_000_000, bitsPerWeight: 4.5, seconds: 60, worstSqnr: 14, meanSqnr: 21 },
};
const failed: JobStatus = { ...over, state: 'failed', failure: { code: 'DISK_FULL', message: 'out: 0 B\u202e left' } };

describe('a job in the tree', () => {
  it('says phase, share and estimate while it runs', () => {
    expect(jobRow(running)).toMatchObject({
      label: 'llama-4bpw',
      description: 'quantizing 25 % · about 4 min left',
      icon: 'sync~spin',
      context: 'quantscope.job.running',
    });
  });

  it('says size and bits when it is finished, and opens its output', () => {
    expect(jobRow(succeeded).description).toBe('1.20 GB · 4.50 bpw');
    expect(detailRows(succeeded, []).find(({ opens }) => opens !== undefined)?.opens).toBe(succeeded.output);
    expect(detailRows(running, []).some(({ opens }) => opens !== undefined)).toBe(false);
  });

  it('quotes a failure without its control characters', () => {
    expect(jobRow(failed).description).toBe('failed · out: 0 B· left');
  });

  it('says how much of a stopped one is written, and what a queue says of a waiting one', () => {
    expect(jobRow({ ...over, state: 'cancelled' }).description).toBe('cancelled · 25 % written');
    expect(jobRow({ ...over, state: 'queued', queue: 'Priority' }).description).toBe('waiting · Priority');
  });

  it('that no launcher took is not waiting: it can be started again', () => {
    const refused: JobStatus = { ...over, state: 'queued', launched: false };
    expect(jobRow(refused)).toMatchObject({ description: 'not started', context: 'quantscope.job.refused' });
    expect(isActive(refused)).toBe(false);
  });

  it('shows phase, amount, device and why it is not the one wished for, output, last words', () => {
    const rows = detailRows(running, ['wrote blk.0']);
    expect(rows.map(({ label, description }) => [label, description])).toEqual([
      ['quantizing 25 %', 'about 4 min left'],
      ['▰▰▱▱▱▱▱▱', '25 B of 100 B'],
      ['Device', 'CPU, 8 threads · no GPU was found'],
      ['Process CPU', '94 % of 8 cores'],
      ['Output', 'llama.gguf'],
      ['wrote blk.0', ''],
    ]);
    const onGpu = { ...running, progress: running.progress && { ...running.progress, gpuBusy: 0.404 } };
    expect(detailRows(onGpu, [])[4]).toMatchObject({ label: 'GPU queue', description: 'busy 40 %' });
    expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
  });
});

describe('estimates', () => {
  it.each([
    [null, ''],
    [1, 'seconds left'],
    [31, 'about 35 s left'],
    [89.9, 'about 90 s left'],
    [5400, 'about 1.5 h left'],
  ])('%s s', (secondsLeft, text) => {
    const progress = running.progress && { ...running.progress, secondsLeft };
    expect(left({ ...running, progress })).toBe(text);
  });

  it('several jobs are one percentage, by bytes', () => {
    const large = {
      ...running,
      progress: running.progress && { ...running.progress, doneBytes: 300, totalBytes: 300 },
    };
    expect(percentOfAll([running, large])).toBe(81);
    expect(percentOfAll([over])).toBe(null);
  });
});

describe('the log', () => {
  const unit = {
    seq: 3,
    at: '2026-01-01T00:00:00.000Z',
    ms: 5,
    type: 'unit',
    unit: 0,
    name: 'a b\n"c',
    offset: 0,
  } as const;
  const record: JournalRecord = { ...unit, bytes: 12, crc32: 'ff' };

  it('is one line a record, whatever a tensor is called', () => {
    expect(logLine('job', record)).toBe(
      '2026-01-01T00:00:00.000Z [info] job unit seq=3 unit=0 name="a b·\\"c" offset=0 bytes=12 crc32=ff',
    );
  });

  it('spells what is inside a field by its path', () => {
    const device = { kind: 'cpu', name: 'AMD EPYC', note: null } as const;
    const versions = { quantscope: '1.0.0', node: 'v24', platform: 'x' };
    const { seq, at, ms } = unit;
    const sizes = { layout: 'ff', fresh: true, kept: 0, units: 4, bytes: 12 };
    expect(logLine('job', { seq, at, ms, type: 'prepared', versions, device, ...sizes })).toBe(
      '2026-01-01T00:00:00.000Z [info] job prepared seq=3 versions.quantscope=1.0.0 versions.node=v24 ' +
        'versions.platform=x device.kind=cpu device.name="AMD EPYC" device.note=null layout=ff fresh=true kept=0 ' +
        'units=4 bytes=12',
    );
  });

  it('asks only for what is new, and writes each record once', async () => {
    const lines: string[] = [];
    const asked: number[] = [];
    const ask = async (_: string, from: number): Promise<JobLog> => {
      asked.push(from);
      return { records: [{ ...record, seq: from }], next: from + 1, printed: '', shards: [] };
    };
    const channel = { appendLine: (line: string) => lines.push(line), show: () => {} };
    const log = new JobsLog(channel as never, ask);
    await log.update([running]);
    await log.update([running]);
    await log.update([{ ...succeeded, units: { done: 4, total: 4 } }]);
    expect(asked).toEqual([0, 1]);
    expect(lines).toHaveLength(2);
    expect(log.lastWords(running.folder)).toHaveLength(2);
  });

  it('follows the shards of a job, each by itself', async () => {
    const lines: string[] = [];
    const asked: string[] = [];
    const ask = async (_: string, from: number, shard?: number): Promise<JobLog> => {
      asked.push(`${shard ?? 'own'} ${from}`);
      const records = shard === undefined ? [] : [{ ...record, seq: from }];
      return { records, next: from + records.length, printed: '', shards: shard === undefined ? [1, 3] : [] };
    };
    const channel = { appendLine: (line: string) => lines.push(line), show: () => {} };
    const log = new JobsLog(channel as never, ask);
    await log.update([running]);
    await log.update([{ ...running, units: { done: 2, total: 4 } }]);
    expect(asked).toEqual(['own 0', '1 0', '3 0', 'own 0', '1 1', '3 1']);
    expect(lines.map((line) => / (\S+) unit seq=\d/.exec(line)?.[1])).toEqual([
      'llama-4bpw[1]',
      'llama-4bpw[3]',
      'llama-4bpw[1]',
      'llama-4bpw[3]',
    ]);
  });

  it('leaves jobs that were over before alone until somebody looks', async () => {
    const ask = vi.fn();
    await new JobsLog({} as never, ask).update([succeeded]);
    expect(ask).not.toHaveBeenCalled();
  });
});

describe('looking at jobs', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('is quick while something runs, slow beside, and not at all when nobody would notice', () => {
    const delays = [true, false].map((active) =>
      [true, false].map((visible) => pollDelay({ active, visible, focused: true })),
    );
    expect(delays).toEqual([
      [1000, 1000],
      [5000, null],
    ]);
    expect(pollDelay({ active: true, visible: true, focused: false })).toBe(5000);
    expect(pollDelay({ active: false, visible: true, focused: false })).toBe(null);
  });

  function watching(answers: JobStatus[][], visible = false) {
    const list = vi.fn(async () => answers.shift() ?? []);
    const watch = new JobsWatch({ list, attention: () => ({ visible, focused: true }), failed: () => {} });
    return { list, watch };
  }

  it('stops when the last job has ended', async () => {
    const { list, watch } = watching([[running], [running], [succeeded]]);
    await watch.refresh();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(list).toHaveBeenCalledTimes(3);
    expect(watch.active).toEqual([]);
  });

  it('never looks twice at once, and looks again when asked meanwhile', async () => {
    const { list, watch } = watching([[running], [succeeded]]);
    await Promise.all([watch.refresh(), watch.refresh(), watch.refresh()]);
    expect(list).toHaveBeenCalledTimes(2);
    expect(watch.find(running.folder)?.state).toBe('succeeded');
    watch.dispose();
  });

  it('keeps the list while the engine is down, and says so once', async () => {
    const failed = vi.fn();
    let down = false;
    const list = async (): Promise<JobStatus[]> => {
      if (down) throw new Error('down');
      return [running];
    };
    const watch = new JobsWatch({ list, attention: () => ({ visible: true, focused: true }), failed });
    await watch.refresh();
    down = true;
    await vi.advanceTimersByTimeAsync(3500);
    expect(watch.jobs).toEqual([running]);
    expect(failed).toHaveBeenCalledTimes(1);
    watch.dispose();
  });
});

describe('the end of a job', () => {
  function memento() {
    const values = new Map<string, unknown>();
    return {
      get: (key: string) => values.get(key),
      update: async (key: string, value: unknown) => values.set(key, value),
    };
  }

  it('is told once, also by the window that comes after a reload', async () => {
    const kept = memento();
    await new AwaitedJobs(kept as never).add(running.folder);
    const reloaded = new AwaitedJobs(kept as never);
    expect(await reloaded.takeEnded([running])).toEqual([]);
    expect(await reloaded.takeEnded([failed])).toEqual([failed]);
    expect(await reloaded.takeEnded([failed])).toEqual([]);
  });

  it('is not told of jobs others started', async () => {
    expect(await new AwaitedJobs(memento() as never).takeEnded([succeeded])).toEqual([]);
  });
});
