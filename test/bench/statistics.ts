// Statistics over two threads against a plain read of the same bytes in the same run, and against NumPy where it is.

import { execFileSync } from 'node:child_process';
import { closeSync, fstatSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Checkpoint, TensorInfo } from '../../core/checkpoint/checkpoint.ts';
import { createPool, type Pool } from '../../core/kernels/pool.ts';
import { scanTensors } from '../../core/stats/scan.ts';
import type { DType } from '../../core/tensor/dtype.ts';
import { dtypeInfo } from '../../core/tensor/dtype.ts';
import { xorshift32 } from '../fixtures/randomBlocks.ts';
import type { BenchRow } from './benchRow.ts';

const FILE_BYTES = 512 << 20;
const COLUMNS = 4096;
/** One layer's matrix of a 7B model: 4096 × 4096. */
const TENSOR_ROWS = 4096;
const TURNS = 5;
const THREADS = 2;
const READ_BYTES = 1 << 20;
/** Elements NumPy is timed on; it is slow and linear. */
const NUMPY_ELEMENTS = 1 << 24;

export async function bench(): Promise<BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'quantscope-bench-'));
  const pool = createPool(new URL('../../dist/worker.js', import.meta.url), THREADS);
  try {
    const rows = await largest(folder, pool); // before the bench's own arrays blur the memory figure
    for (const dtype of ['BF16', 'F32'] as const) rows.push(...(await measure(folder, pool, dtype)));
    return rows;
  } finally {
    await pool.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(folder: string, pool: Pool, dtype: 'BF16' | 'F32'): Promise<BenchRow[]> {
  const path = join(folder, dtype);
  writeNormal(path, dtype);
  const checkpoint = checkpointOf(path, dtype, TENSOR_ROWS);
  const scan = (): Promise<void> => scanTensors(checkpoint, pool, { onResult: () => {} });
  await scan();
  plainRead(path);
  let [scanSeconds, readSeconds] = [Infinity, Infinity];
  for (let turn = 0; turn < TURNS; turn++) {
    readSeconds = Math.min(
      readSeconds,
      timed(() => plainRead(path)),
    );
    const began = performance.now();
    await scan();
    scanSeconds = Math.min(scanSeconds, (performance.now() - began) / 1000);
  }
  const ratio = readSeconds / scanSeconds;
  const elements = FILE_BYTES / dtypeInfo(dtype).blockBytes;
  const rows: BenchRow[] = [
    { name: `read ${dtype}, page cache, one thread`, value: FILE_BYTES / readSeconds / 1e9, unit: 'GB/s' },
    { name: `statistics ${dtype}, two threads`, value: FILE_BYTES / scanSeconds / 1e9, unit: 'GB/s' },
    {
      name: `statistics ${dtype} / plain read`,
      value: ratio,
      unit: '×',
      aim: '≥ 0.5',
      pass: ratio >= 0.5,
      note: `${(elements / scanSeconds / 1e9).toFixed(2)} G elements/s`,
    },
  ];
  const numpySeconds = numpy(path, dtype);
  if (numpySeconds !== null) {
    const times = numpySeconds / NUMPY_ELEMENTS / (scanSeconds / elements);
    rows.push({
      name: `statistics ${dtype} / NumPy`,
      value: times,
      unit: '×',
      aim: '≥ 30',
      pass: times >= 30,
      note: 'same figures',
    });
  }
  return rows;
}

/** Tensors of 2.5 GB (sparse): memory of the whole process, threads included. */
async function largest(folder: string, pool: Pool): Promise<BenchRow[]> {
  const path = join(folder, 'sparse');
  const columns = 8192;
  const bytes = 163_840 * columns * 2;
  const file = openSync(path, 'w');
  writeSync(file, new Uint8Array(2), 0, 2, bytes - 2);
  closeSync(file);
  let peak = 0;
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss);
  }, 5);
  const rows: BenchRow[] = [];
  for (const dtype of ['BF16', 'F32'] as const) {
    const checkpoint = checkpointOf(path, dtype, bytes / columns / dtypeInfo(dtype).blockBytes, columns);
    const began = performance.now();
    await scanTensors(checkpoint, pool, { onResult: () => {} });
    rows.push({
      name: `statistics of one 2.7 GB ${dtype} tensor`,
      value: (performance.now() - began) / 1000,
      unit: 's',
      note: 'sparse file',
    });
  }
  clearInterval(watch);
  const megabytes = peak / 1e6;
  rows.push({ name: 'resident memory meanwhile', value: megabytes, unit: 'MB', aim: '< 512', pass: megabytes < 512 });
  return rows;
}

function plainRead(path: string): void {
  const file = openSync(path, 'r');
  const buffer = new Uint8Array(READ_BYTES);
  const size = fstatSync(file).size;
  for (let at = 0; at < size; ) at += readSync(file, buffer, 0, READ_BYTES, at);
  closeSync(file);
}

function timed(body: () => void): number {
  const began = performance.now();
  body();
  return (performance.now() - began) / 1000;
}

/** Normal deviates of σ = 0.02, 64 MB of them over and over at changing places. */
function writeNormal(path: string, dtype: 'BF16' | 'F32'): void {
  const next = xorshift32(99);
  const uniform = (): number => (next() + 0.5) / 2 ** 32;
  const values = Float32Array.from(
    { length: 1 << 22 },
    () => 0.02 * Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
  const words = new Uint32Array(values.buffer);
  const bytes =
    dtype === 'F32' ? new Uint8Array(values.buffer) : new Uint8Array(Uint16Array.from(words, (w) => w >>> 16).buffer);
  const file = openSync(path, 'w');
  for (let at = 0; at < FILE_BYTES; at += bytes.length)
    writeSync(file, bytes, 0, Math.min(bytes.length, FILE_BYTES - at), at);
  closeSync(file);
}

function checkpointOf(path: string, dtype: DType, tensorRows: number, columns = COLUMNS): Checkpoint {
  const { blockBytes } = dtypeInfo(dtype);
  const tensorBytes = tensorRows * columns * blockBytes;
  const file = openSync(path, 'r');
  const sizeBytes = fstatSync(file).size;
  closeSync(file);
  const tensors = Array.from(
    { length: Math.floor(sizeBytes / tensorBytes) },
    (_, index): TensorInfo => ({
      index,
      name: `layers.${index}.weight`,
      dtype,
      shape: [tensorRows, columns],
      elements: tensorRows * columns,
      bytes: tensorBytes,
      file: 0,
      offset: index * tensorBytes,
      role: 'other',
      layer: index,
      stack: 'layers',
      module: 'weight',
    }),
  );
  return {
    format: 'safetensors',
    path,
    name: dtype,
    files: [{ path, sizeBytes, modifiedMs: 0 }],
    metadata: {},
    config: null,
    model: { architecture: null, layers: tensors.length },
    tensors,
    warnings: [],
    companions: [],
    bytesRead: 0,
    fingerprint: `bench-${dtype}`,
  };
}

/** Seconds NumPy takes for the same figures of the first tensor, or null (after saying why) without NumPy. */
function numpy(path: string, dtype: 'BF16' | 'F32'): number | null {
  try {
    const script = fileURLToPath(new URL('./statistics.py', import.meta.url));
    const python = process.env.QUANTSCOPE_PYTHON ?? 'python3';
    const out = execFileSync(python, [script, path, dtype, String(NUMPY_ELEMENTS), String(COLUMNS)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return Number(out);
  } catch (error) {
    const why = error instanceof Error ? (error.message.trim().split('\n').at(-1) ?? '') : String(error);
    process.stderr.write(`statistics: no comparison with NumPy: ${why}\n`);
    return null;
  }
}
