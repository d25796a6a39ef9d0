// Kernels on the GPU against the WASM kernels on one thread.

import { isQuantscopeError } from '../../core/base/errors.ts';
import { Gpu } from '../../core/kernels/gpu/device.ts';
import { canGpuEncode } from '../../core/kernels/gpu/encode.ts';
import { loadKernels } from '../../core/kernels/wasm.ts';
import { GGUF_TARGETS, type GgufTarget } from '../../core/quant/ggufTypes.ts';
import { selectSoftwareAdapter } from '../../scripts/softwareAdapter.ts';
import type { BenchRow } from './benchRow.ts';
import { measure } from './contest.ts';
import {
  cholesky,
  decoding,
  gptq,
  largestMagnitudes,
  type Machines,
  moments,
  quantizing,
  rangeSearch,
} from './gpuContests.ts';

const MATRIX = { rows: 1024, columns: 4096 };
/** A software adapter shows that the lines work and nothing else. */
const SMALL = { rows: 16, columns: 512 };
const SOFTWARE_TYPES: readonly GgufTarget[] = ['Q8_0', 'Q4_0', 'Q4_K'];

export async function bench(): Promise<BenchRow[]> {
  const gpu = await open();
  if (gpu === null) return [];
  await using device = gpu;
  const machines: Machines = { gpu: device, kernels: await loadKernels() };
  const { software } = device.facts;
  const size = software ? SMALL : MATRIX;
  const rows: BenchRow[] = [];
  for (const type of software ? SOFTWARE_TYPES : GGUF_TARGETS.filter(canGpuEncode))
    for (const weighted of type === 'Q8_0' ? [false] : [false, true])
      rows.push(await measure(device, quantizing(machines, size, type, weighted)));
  rows.push(await measure(device, decoding(machines, size)));
  rows.push(await measure(device, largestMagnitudes(machines, size)));
  rows.push(await measure(device, moments(machines, size)));
  rows.push(await measure(device, rangeSearch(machines, size)));
  rows.push(await measure(device, cholesky(machines, size)));
  rows.push(await measure(device, gptq(machines, size)));
  return rows;
}

/** Drivers are looked for once a process: QUANTSCOPE_BENCH_GPU asks for the real card instead of the software adapter. */
async function open(): Promise<Gpu | null> {
  if (process.env.QUANTSCOPE_BENCH_GPU === undefined) {
    const missing = selectSoftwareAdapter();
    if (missing !== null) console.error(`gpu: skipped, ${missing}`);
    return missing === null ? Gpu.open({ software: true }) : null;
  }
  try {
    return await Gpu.open({ software: false });
  } catch (error) {
    if (!isQuantscopeError(error)) throw error;
    console.error(`gpu: skipped, ${error.message}`);
    return null;
  }
}
