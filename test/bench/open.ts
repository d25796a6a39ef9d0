// Opening what is large: a 100 GB and an 812 GB checkpoint in shards, and a header of a million tensors.

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { denseLayers, llama405b, manyTensors, writeSparseFile, writeSparseShards } from '../fixtures/sparseModels.ts';
import type { BenchRow } from './benchRow.ts';
import type { Measured } from './openProgram.ts';

const RUNS = 7;
/** Two of the largest matrices of the 405B model, 1.7 GB each. */
const SCANNED = ['model.layers.0.mlp.gate_proj.weight', 'model.layers.125.mlp.down_proj.weight'];
/** As the editor starts the engine (extension/engineProcess.ts). */
const ENGINE_FLAGS = ['--max-semi-space-size=16'];

export async function bench(): Promise<BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'quantscope-bench-'));
  try {
    return [
      ...hundredGigabytes(join(folder, '100gb')),
      ...llama(join(folder, '405b')),
      ...million(join(folder, 'million')),
    ];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function hundredGigabytes(folder: string): BenchRow[] {
  mkdirSync(folder);
  const shards = denseLayers(64, 8192, 27_648, 1024);
  const bytes = writeSparseShards(folder, shards);
  const median = medianOf(() => run('open', folder));
  return [
    {
      name: `open ${(bytes / 1e9).toFixed(0)} GB, ${shards.length} shards, ${median.tensors} tensors`,
      ...below(median.ms, 300, 'ms'),
      note: `median of ${RUNS} fresh processes; ${median.bytesRead} bytes read`,
    },
    { name: 'resident memory after that open', ...below(median.peakBytes / 1e6, 512, 'MB') },
  ];
}

function llama(folder: string): BenchRow[] {
  mkdirSync(folder);
  const shards = llama405b();
  const bytes = writeSparseShards(folder, shards);
  const median = medianOf(() => run('open', folder));
  const scan = run('scan', folder, ...SCANNED);
  return [
    {
      name: `open 405B parameters, ${(bytes / 1e9).toFixed(0)} GB, ${shards.length} shards, ${median.tensors} tensors`,
      ...below(median.ms, 1000, 'ms'),
      note: `median of ${RUNS} fresh processes; ${median.bytesRead} bytes read`,
    },
    {
      name: `peak memory of statistics of ${SCANNED.length} of its largest tensors`,
      ...below(scan.peakBytes / 1e6, 512, 'MB'),
      note: `sparse zeros, in ${(scan.ms / 1000).toFixed(1)} s`,
    },
  ];
}

function million(folder: string): BenchRow[] {
  mkdirSync(folder);
  const path = join(folder, 'million.safetensors');
  writeSparseFile(path, manyTensors(1_000_000));
  const median = medianOf(() => run('table', path));
  return [
    {
      name: `open ${median.tensors} tensors`,
      ...below(median.ms, 1500, 'ms'),
      note: `median of ${RUNS} fresh processes; a header of ${(median.bytesRead / 1e6).toFixed(0)} MB`,
    },
    { name: 'peak memory of that, table serialized', ...below(median.peakBytes / 1e6, 600, 'MB') },
  ];
}

/** A fresh process: nothing compiled, nothing cached. */
function run(...args: string[]): Measured {
  const program = fileURLToPath(new URL('openProgram.ts', import.meta.url));
  const { stdout, stderr, status } = spawnSync(process.execPath, [...ENGINE_FLAGS, program, ...args], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Measured;
}

function medianOf(measure: () => Measured): Measured {
  const runs = Array.from({ length: RUNS }, measure).sort((a, b) => a.ms - b.ms);
  return runs[RUNS >> 1] as Measured;
}

function below(value: number, aim: number, unit: string): Pick<BenchRow, 'value' | 'unit' | 'aim' | 'pass'> {
  return { value, unit, aim: `< ${aim}`, pass: value < aim };
}
