// Quantizers on the GPU against the WASM kernels on one thread: the same matrix, copies to and from the card included.

import { isQuantscopeError } from '../../core/base/errors.ts';
import { encodeFromF32 } from '../../core/kernels/encode.ts';
import { Gpu } from '../../core/kernels/gpu/device.ts';
import { canGpuEncode, gpuEncode } from '../../core/kernels/gpu/encode.ts';
import { type Kernels, loadKernels } from '../../core/kernels/wasm.ts';
import { GGUF_TARGETS, type GgufTarget, targetBytes } from '../../core/quant/ggufTypes.ts';
import { selectSoftwareAdapter } from '../../scripts/softwareAdapter.ts';
import { quantizerInput } from '../fixtures/quantizerInputs.ts';
import type { BenchRow } from './benchRow.ts';

const COLUMNS = 4096;
const ROWS = 128;
const ELEMENTS = ROWS * COLUMNS;
const TURNS = 5;
/** A software adapter shows that the line works and nothing else: a K type takes it a minute to compile. */
const SOFTWARE_TYPES: readonly GgufTarget[] = ['Q8_0', 'Q4_0'];

export async function bench(): Promise<BenchRow[]> {
  const gpu = await open();
  if (gpu === null) return [];
  await using device = gpu;
  const kernels = await loadKernels();
  const src = quantizerInput('gaussian', ELEMENTS);
  const { software } = device.facts;
  const types = software ? SOFTWARE_TYPES : GGUF_TARGETS.filter((type) => canGpuEncode(type));
  const rows: BenchRow[] = [];
  for (const type of types) rows.push(await measure(device, kernels, type, src));
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

async function measure(gpu: Gpu, kernels: Kernels, type: GgufTarget, src: Float32Array): Promise<BenchRow> {
  await gpuEncode(gpu, type, src, COLUMNS); // compiles
  let gpuMs = Number.POSITIVE_INFINITY;
  let bytes: Uint8Array = new Uint8Array();
  for (let turn = 0; turn < TURNS; turn++) {
    const began = performance.now();
    bytes = await gpuEncode(gpu, type, src, COLUMNS);
    gpuMs = Math.min(gpuMs, performance.now() - began);
  }
  const wasm = onWasm(kernels, type, src);
  const { name, software } = gpu.facts;
  const same = Buffer.compare(bytes, wasm.bytes) === 0;
  const ratio = `${(wasm.ms / gpuMs).toFixed(2)} × WASM on one thread`;
  const what = software ? `software adapter ${name}: its speed means nothing` : `${name}, ${ratio}`;
  return {
    name: `GPU quantize ${type}`,
    value: ELEMENTS / gpuMs / 1e3,
    unit: 'M elements/s',
    aim: 'same bytes',
    pass: same,
    note: what,
  };
}

function onWasm(kernels: Kernels, type: GgufTarget, src: Float32Array): { bytes: Uint8Array; ms: number } {
  const { arena } = kernels;
  return arena.scoped(() => {
    const size = targetBytes(type, ROWS, COLUMNS);
    const from = arena.alloc(src.byteLength);
    const to = arena.alloc(size);
    arena.f32(from, ELEMENTS).set(src);
    let ms = Number.POSITIVE_INFINITY;
    for (let turn = 0; turn < TURNS; turn++) {
      const began = performance.now();
      encodeFromF32(kernels, type, from, to, ROWS, COLUMNS, 0);
      ms = Math.min(ms, performance.now() - began);
    }
    return { bytes: arena.u8(to, size).slice(), ms };
  });
}
