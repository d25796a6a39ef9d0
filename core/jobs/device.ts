// Which device a job computes on, and what it is called.

import { cpus } from 'node:os';
import { isQuantscopeError, QuantscopeError } from '../base/errors.ts';
import { Gpu, type GpuWish } from '../kernels/gpu/device.ts';
import type { Device } from '../protocol/jobs.ts';

/** Set by tests: adapters that compute on the processor count where a GPU is asked for by name. */
const SOFTWARE_VARIABLE = 'QUANTSCOPE_SOFTWARE_ADAPTER';

/** Why `auto` found no GPU: drivers are looked for once a process, and complain aloud. */
let absent: string | null = null;

/** Held while a job runs. */
export interface OpenDevice {
  readonly device: Device;
  readonly gpu: Gpu | null;
}

/**
 * @param wish auto, cpu, gpu, gpu:PLACE or gpu:PART-OF-ITS-NAME. `auto` takes a GPU where there is one and says why not.
 * @param bufferMiB of the largest buffer on it: less leaves more to others
 * @throws DEVICE_UNAVAILABLE when a GPU is asked for and there is none, or only an adapter that computes on the processor
 */
export async function openDevice(wish: string, bufferMiB: number | null = null): Promise<OpenDevice> {
  const tileBytes = bufferMiB === null ? undefined : bufferMiB * 2 ** 20;
  if (wish === 'cpu') return onProcessor(null);
  if (wish === 'auto') {
    if (absent !== null) return onProcessor(absent);
    try {
      return onAdapter(await Gpu.open({ software: false, tileBytes }));
    } catch (error) {
      if (!isQuantscopeError(error)) throw error;
      absent = error.message;
      return onProcessor(absent);
    }
  }
  return onAdapter(await Gpu.open({ ...adapterWish(wish), tileBytes }));
}

/** What `openDevice` would give, closed again. @throws as it does */
export async function resolveDevice(wish: string): Promise<Device> {
  const { device, gpu } = await openDevice(wish);
  await gpu?.[Symbol.asyncDispose]();
  return device;
}

/** @throws DEVICE_UNAVAILABLE for a wish that names no GPU */
function adapterWish(wish: string): GpuWish {
  const [kind, ...rest] = wish.split(':');
  const which = rest.join(':');
  if (kind !== 'gpu')
    throw new QuantscopeError(
      'DEVICE_UNAVAILABLE',
      `${wish}: no such device; ask for auto, cpu, gpu, gpu:INDEX or gpu:NAME`,
    );
  return {
    adapter: which === '' ? undefined : /^\d{1,3}$/.test(which) ? Number(which) : which,
    software: process.env[SOFTWARE_VARIABLE] === '1',
  };
}

function onProcessor(note: string | null): OpenDevice {
  return { device: { kind: 'cpu', name: cpus()[0]?.model ?? process.arch, note }, gpu: null };
}

function onAdapter(gpu: Gpu): OpenDevice {
  const { name, software, maxBufferBytes } = gpu.facts;
  const note = software ? 'a software adapter, which computes on the processor' : null;
  return { device: { kind: software ? 'cpu' : 'gpu', name, note, maxBufferBytes }, gpu };
}
