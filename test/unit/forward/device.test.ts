// Choosing a device: what is not there falls back to the CPU and says why.

import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { type Backends, chooseDevice, deviceChoice } from '../../../core/forward/device.ts';

describe('the choice', () => {
  test('auto without one, any spelling, refused by name', () => {
    expect(deviceChoice({})).toBe('auto');
    expect(deviceChoice({ QUANTSCOPE_DEVICE: 'CUDA' })).toBe('cuda');
    expect(() => deviceChoice({ QUANTSCOPE_DEVICE: 'tpu' })).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});

describe('this machine', () => {
  test('the CPU with its threads', async () => {
    expect(await chooseDevice(ort, 'cpu', 1)).toEqual({ provider: 'cpu', text: 'CPU, 1 thread' });
  });

  test('a provider the build does not have', async () => {
    const backends: Backends = { ...ort, listSupportedBackends: () => [{ name: 'cpu', bundled: true }] };
    expect(await chooseDevice(backends, 'coreml', 2)).toEqual({
      provider: 'cpu',
      text: 'CPU, 2 threads (CoreML not available: this build of onnxruntime does not have it)',
    });
    expect(await chooseDevice(backends, 'auto', 2)).toEqual({ provider: 'cpu', text: 'CPU, 2 threads' });
  });
});

describe('a provider that is listed', () => {
  /** A runtime whose sessions answer with `y`, or fail. */
  const backends = (y: number | Error): Backends =>
    ({
      Tensor: ort.Tensor,
      listSupportedBackends: () => [{ name: 'cuda', bundled: false }],
      InferenceSession: {
        create: async () => {
          if (y instanceof Error) throw y;
          return { run: async () => ({ y: { data: [y] } }), release: async () => {} };
        },
      },
    }) as unknown as Backends;

  test('is taken when it runs a graph', async () => {
    expect(await chooseDevice(backends(4), 'auto', 8)).toEqual({ provider: 'cuda', text: 'CUDA' });
  });

  test('is not when its library is missing, or when it computes wrong numbers', async () => {
    const missing = new Error('Failed to load shared library\nsecond line');
    expect(await chooseDevice(backends(missing), 'cuda', 8)).toEqual({
      provider: 'cpu',
      text: 'CPU, 8 threads (CUDA not available: Failed to load shared library)',
    });
    expect((await chooseDevice(backends(5), 'cuda', 8)).text).toContain('wrong numbers');
    expect(await chooseDevice(backends(missing), 'auto', 8)).toEqual({ provider: 'cpu', text: 'CPU, 8 threads' });
  });
});
