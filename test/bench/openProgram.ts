// One fresh process of the opening benchmark: node test/bench/openProgram.ts open|table|scan PATH [TENSOR…]

import { serialize } from 'node:v8';
import { openCheckpoint } from '../../core/checkpoint/open.ts';
import { tensorTable } from '../../core/engine/summary.ts';
import { createPool } from '../../core/kernels/pool.ts';
import { scanTensors } from '../../core/stats/scan.ts';

export interface Measured {
  /** Of opening, or of scanning. */
  readonly ms: number;
  readonly bytesRead: number;
  readonly tensors: number;
  readonly peakBytes: number;
}

if (import.meta.main) {
  const [mode, path = '', ...names] = process.argv.slice(2);
  let began = performance.now();
  const checkpoint = await openCheckpoint(path);
  let ms = performance.now() - began;
  // What the engine does when the editor asks for the table.
  if (mode === 'table') serialize(tensorTable(checkpoint));
  if (mode === 'scan') {
    const pool = createPool(new URL('../../dist/worker.js', import.meta.url), 2);
    const tensors = checkpoint.tensors.filter(({ name }) => names.includes(name)).map(({ index }) => index);
    if (tensors.length !== names.length) throw new Error(`${tensors.length} of ${names.length} tensors found`);
    began = performance.now();
    await scanTensors(checkpoint, pool, { tensors, onResult: () => {} });
    ms = performance.now() - began;
    await pool.close();
  }
  const measured: Measured = {
    ms,
    bytesRead: checkpoint.bytesRead,
    tensors: checkpoint.tensors.length,
    peakBytes: process.resourceUsage().maxRSS * 1024,
  };
  console.log(JSON.stringify(measured));
}
