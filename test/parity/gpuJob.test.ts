// Jobs on the adapter: the direct export's bytes, the adapter named, a lost device survived.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDevice, resolveDevice } from '../../core/jobs/device.ts';
import { GpuRows } from '../../core/jobs/gpuRows.ts';
import { runJob } from '../../core/jobs/runJob.ts';
import { createPool } from '../../core/kernels/pool.ts';
import { REFERENCE_QUANTIZERS } from '../../core/kernels/reference/quantizers.ts';
import { columnWeights, quantizerInput } from '../fixtures/quantizerInputs.ts';
import { softwareGpu as gpu, openSoftwareGpu } from '../fixtures/softwareGpu.ts';
import { temporaryFolder } from '../fixtures/temporaryFolder.ts';
import { jobRig, outputOf, recordsOf, VERSIONS } from '../unit/jobs/jobFixtures.ts';

const VARIABLE = 'QUANTSCOPE_SOFTWARE_ADAPTER';

describe.runIf(gpu !== null)('jobs on a software adapter', () => {
  const parent = temporaryFolder();
  const pool = createPool(new URL('../../core/engine/worker.ts', import.meta.url), 2);
  beforeAll(() => {
    process.env[VARIABLE] = '1';
  });
  afterAll(async () => {
    delete process.env[VARIABLE];
    await pool.close();
  });

  it('gives the bytes of the direct export and names what computed them', async () => {
    const rig = await jobRig(parent, pool);
    const folder = await rig.make('job', { device: 'gpu' });
    await runJob(folder, { pool, versions: VERSIONS });
    expect(outputOf(folder).equals(rig.expected)).toBe(true);
    const prepared = (await recordsOf(folder)).find(({ type }) => type === 'prepared');
    expect(prepared).toMatchObject({
      device: { kind: 'cpu', name: gpu?.facts.name, note: expect.stringContaining('software adapter') },
    });
  });

  it('keeps its buffers as small as it is asked to, and the bytes as they are', async () => {
    const rig = await jobRig(parent, pool);
    const folder = await rig.make('small buffers', { device: 'gpu', gpuBufferMiB: 16 });
    const { gpu: small } = await openDevice('gpu', 16);
    expect(small?.tileBytes).toBe(16 * 2 ** 20);
    await small?.[Symbol.asyncDispose]();
    await runJob(folder, { pool, versions: VERSIONS });
    expect(outputOf(folder).equals(rig.expected)).toBe(true);
  });

  it('is no GPU unless tests say so', async () => {
    delete process.env[VARIABLE];
    await expect(resolveDevice('gpu')).rejects.toMatchObject({
      code: 'DEVICE_UNAVAILABLE',
      message: expect.stringContaining('computes on the processor'),
    });
    const auto = await openDevice('auto');
    process.env[VARIABLE] = '1';
    expect(auto).toMatchObject({ gpu: null, device: { kind: 'cpu', note: expect.stringContaining('no GPU') } });
  });

  it('goes on with the device opened again, then on the processor', async () => {
    const values = quantizerInput('gaussian', 4 * 512);
    const expected = REFERENCE_QUANTIZERS.Q4_0(values, 4, 512, null);
    const [first, second] = [await openSoftwareGpu(), await openSoftwareGpu()];
    if (first === null || second === null) return;
    const notes: string[] = [];
    await using rows = new GpuRows(
      first,
      async () => second,
      async (note) => void notes.push(note),
    );
    const encode = async (): Promise<Buffer> => Buffer.from(await rows.encode('Q4_0', values, 512, null));
    expect((await encode()).equals(expected)).toBe(true);
    first.lose();
    expect((await encode()).equals(expected)).toBe(true);
    expect(notes).toEqual([expect.stringMatching(/the device was lost.*: opened again/)]);
    expect(rows.takes('Q4_0')).toBe(true);
    second.lose();
    expect((await encode()).equals(expected)).toBe(true);
    expect(notes[1]).toMatch(/the device was lost.*: the processor goes on/);
    expect(rows.takes('Q4_0')).toBe(false);
  });

  it('weighs rows as the workers do, on the device and after its loss', async () => {
    const values = quantizerInput('heavyTailed', 4 * 512);
    const weights = columnWeights('plain', 512);
    const only = await openSoftwareGpu();
    if (only === null || weights === null) return;
    await using rows = new GpuRows(
      only,
      async () => null,
      async () => {},
    );
    for (const lost of [false, true]) {
      if (lost) only.lose();
      for (const type of ['Q6_K', 'Q4_0', 'Q8_0'] as const) {
        const bytes = Buffer.from(await rows.encode(type, values, 512, weights));
        expect(bytes.equals(REFERENCE_QUANTIZERS[type](values, 4, 512, weights)), type).toBe(true);
      }
    }
  });

  it('goes on with the processor when the device has not the memory for a row', async () => {
    const values = quantizerInput('gaussian', 2 * 1024);
    const weights = columnWeights('plain', 1024);
    const [first, second] = [await openSoftwareGpu(1024), await openSoftwareGpu(1024)];
    if (first === null || second === null || weights === null) return;
    const notes: string[] = [];
    await using rows = new GpuRows(
      first,
      async () => second,
      async (note) => void notes.push(note),
    );
    const bytes = Buffer.from(await rows.encode('Q4_0', values, 1024, weights));
    expect(bytes.equals(REFERENCE_QUANTIZERS.Q4_0(values, 2, 1024, weights))).toBe(true);
    expect(notes).toEqual([
      expect.stringMatching(/a row of 1024 values.*: opened again/),
      expect.stringMatching(/a row of 1024 values.*: the processor goes on/),
    ]);
  });

  it('goes on with the processor when the device cannot be opened again', async () => {
    const values = quantizerInput('ramp', 2 * 512);
    const only = await openSoftwareGpu();
    if (only === null) return;
    const notes: string[] = [];
    await using rows = new GpuRows(
      only,
      () => Promise.reject(new Error('driver gone')),
      async (note) => void notes.push(note),
    );
    only.lose();
    const bytes = Buffer.from(await rows.encode('Q8_0', values, 512, null));
    expect(bytes.equals(REFERENCE_QUANTIZERS.Q8_0(values, 2, 512, null))).toBe(true);
    expect(notes).toEqual([expect.stringMatching(/driver gone: the processor goes on/)]);
  });
});
