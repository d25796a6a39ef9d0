// Which device a job computes on, and what it is called.

import { cpus } from 'node:os';
import { QuantscopeError } from '../base/errors.ts';
import type { Device } from '../protocol/jobs.ts';

/**
 * @param wish auto, cpu, gpu or gpu:N
 * @throws DEVICE_UNAVAILABLE for a device there is no code or hardware for
 */
export async function resolveDevice(wish: string): Promise<Device> {
  if (wish !== 'auto' && wish !== 'cpu')
    throw new QuantscopeError(
      'DEVICE_UNAVAILABLE',
      `${wish}: exports are computed on the processor, ask for cpu or auto`,
    );
  return { kind: 'cpu', name: cpus()[0]?.model ?? process.arch, note: null };
}
