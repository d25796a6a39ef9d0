// How long a GPU has been busy: counted once while its queue has work, however much of it, and not in between.

import { describe, expect, it } from 'vitest';
import { gpuHadamard } from '../../core/kernels/gpu/hadamard.ts';
import { openSoftwareGpu } from '../fixtures/softwareGpu.ts';

const gpu = await openSoftwareGpu();

describe.runIf(gpu !== null)('a GPU', () => {
  it('is busy while kernels run, several at once included, and idle after them', async () => {
    if (gpu === null) return;
    await using device = gpu;
    expect(device.busyMs).toBe(0);
    const values = new Float32Array(1 << 20).fill(1);
    const began = performance.now();
    await Promise.all(Array.from({ length: 4 }, () => gpuHadamard(device, values, 1024)));
    const passed = performance.now() - began;
    const busy = device.busyMs;
    expect(busy).toBeGreaterThan(0);
    expect(busy).toBeLessThanOrEqual(passed);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(device.busyMs).toBe(busy);
    await gpuHadamard(device, values, 1024);
    expect(device.busyMs).toBeGreaterThan(busy);
  });
});
