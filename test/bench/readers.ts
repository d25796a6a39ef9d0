// Listing tensors and computing statistics against each format's Python reader: same files, same run, turns alternating.
// Both sides are warm: interpreter start, imports, compilation and a first turn are not counted, files are in the page
// cache. Listing is openCheckpoint (layers and roles placed) against names, shapes and dtypes there; statistics is the
// scan over two threads, reading and decoding included, against reading, decoding and NumPy for the same figures.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bytesText } from '../../core/base/byteText.ts';
import { openCheckpoint } from '../../core/checkpoint/open.ts';
import { createPool, type Pool } from '../../core/kernels/pool.ts';
import { scanTensors } from '../../core/stats/scan.ts';
import { referencePython } from '../interop/readers/python.ts';
import type { BenchRow } from './benchRow.ts';

const SCRIPT = fileURLToPath(new URL('./readers.py', import.meta.url));
const THREADS = 2;

interface Comparison {
  readonly what: 'list' | 'statistics';
  readonly tensors: number;
  readonly rows: number;
  readonly columns: number;
  readonly turns: number;
  /** Times as fast as the reader in Python. */
  readonly aim: number;
}
/** Many small tensors, the sizes of a small model, two matrices of a large one. */
const COMPARISONS: readonly Comparison[] = [
  { what: 'list', tensors: 8192, rows: 2, columns: 256, turns: 10, aim: 5 },
  { what: 'list', tensors: 512, rows: 256, columns: 512, turns: 10, aim: 5 },
  { what: 'statistics', tensors: 2, rows: 1024, columns: 4096, turns: 2, aim: 10 },
];

interface Format {
  readonly kind: string;
  readonly name: string;
  readonly packages: readonly string[];
}
const FORMATS: readonly Format[] = [
  { kind: 'safetensors', name: 'safetensors', packages: ['safetensors'] },
  { kind: 'gguf', name: 'gguf (Q4_K)', packages: ['gguf'] },
  { kind: 'onnx', name: 'onnx', packages: ['onnx'] },
  { kind: 'npz', name: 'numpy (npz)', packages: [] },
  { kind: 'pt', name: 'torch', packages: ['torch'] },
];

export async function bench(): Promise<BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'quantscope-bench-'));
  const pool = createPool(new URL('../../dist/worker.js', import.meta.url), THREADS);
  try {
    const rows: BenchRow[] = [];
    for (const format of FORMATS) {
      const found = referencePython(['numpy', ...format.packages]);
      if ('reason' in found) continue; // printed
      for (const comparison of COMPARISONS) rows.push(await compare(comparison, format, found.python, folder, pool));
    }
    return rows;
  } finally {
    await pool.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function compare(
  { what, tensors, rows, columns, turns, aim }: Comparison,
  { kind, name }: Format,
  python: string,
  folder: string,
  pool: Pool,
): Promise<BenchRow> {
  const path = join(folder, `${what}.${kind}`);
  run(python, ['make', kind, path, String(tensors), String(rows), String(columns)]);
  const checkpoint = await openCheckpoint(path);
  if (checkpoint.tensors.length !== tensors) throw new Error(`${path}: ${checkpoint.tensors.length} of ${tensors}`);
  const body = async (): Promise<void> => {
    if (what === 'list') await openCheckpoint(path);
    else await scanTensors(checkpoint, pool, { onResult: () => {} });
  };
  const before = await best(turns, body);
  const reference: { tensors: number; seconds: number } = JSON.parse(
    run(python, ['time', kind, path, String(turns), what]),
  );
  if (reference.tensors !== tensors) throw new Error(`${name} lists ${reference.tensors} of ${tensors} tensors`);
  const own = Math.min(before, await best(turns, body));
  rmSync(path);
  const ratio = reference.seconds / own;
  const size = `${tensors} tensors of ${bytesText(rows * columns * 4)} as float32`;
  return {
    name: `${what === 'list' ? 'list' : 'statistics of'} ${size} / ${name} in Python`,
    value: ratio,
    unit: '×',
    aim: `≥ ${aim}`,
    pass: ratio >= aim,
    note: `${(own * 1000).toFixed(1)} ms against ${(reference.seconds * 1000).toFixed(1)} ms`,
  };
}

async function best(turns: number, body: () => Promise<void>): Promise<number> {
  await body();
  let seconds = Number.POSITIVE_INFINITY;
  for (let turn = 0; turn < turns; turn++) {
    const began = performance.now();
    await body();
    seconds = Math.min(seconds, (performance.now() - began) / 1000);
  }
  return seconds;
}

function run(python: string, args: readonly string[]): string {
  return execFileSync(python, [SCRIPT, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
