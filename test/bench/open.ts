// Opening a 100 GB checkpoint of 64 sparse shards: headers only, whatever the data weighs.

import { spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchRow } from './benchRow.ts';

const SHARDS = 64;
const LAYERS_PER_SHARD = 1;
const HIDDEN = 8192;
const FFN = 27648;
const RUNS = 7;
const SHAPES: Record<string, [number, number]> = {
  'self_attn.q_proj': [HIDDEN, HIDDEN],
  'self_attn.k_proj': [1024, HIDDEN],
  'self_attn.v_proj': [1024, HIDDEN],
  'self_attn.o_proj': [HIDDEN, HIDDEN],
  'mlp.gate_proj': [FFN, HIDDEN],
  'mlp.up_proj': [FFN, HIDDEN],
  'mlp.down_proj': [HIDDEN, FFN],
};

export async function bench(): Promise<BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'quantscope-bench-'));
  try {
    const bytes = writeSparseModel(folder);
    const runs = Array.from({ length: RUNS }, () => inspect(folder)).sort((a, b) => a.openMs - b.openMs);
    const median = runs[RUNS >> 1] as Inspected;
    return [
      {
        name: `open ${(bytes / 1e9).toFixed(0)} GB, ${SHARDS} shards, ${median.tensors} tensors`,
        value: median.openMs,
        unit: 'ms',
        aim: '< 300',
        pass: median.openMs < 300,
        note: `median of ${RUNS} fresh processes; ${median.bytesRead} bytes read`,
      },
      {
        name: 'resident memory after that open',
        value: median.residentBytes / 1e6,
        unit: 'MB',
        aim: '< 512',
        pass: median.residentBytes < 512e6,
      },
    ];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface Inspected {
  openMs: number;
  bytesRead: number;
  tensors: number;
  residentBytes: number;
}

/** A fresh process each time: nothing compiled, nothing cached. */
function inspect(folder: string): Inspected {
  const program = `
    const { openCheckpoint } = await import(${JSON.stringify(new URL('../../core/checkpoint/open.ts', import.meta.url).href)});
    const began = performance.now();
    const checkpoint = await openCheckpoint(${JSON.stringify(folder)});
    const openMs = performance.now() - began;
    console.log(JSON.stringify({ openMs, bytesRead: checkpoint.bytesRead, tensors: checkpoint.tensors.length, residentBytes: process.memoryUsage.rss() }));`;
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Inspected;
}

/** @returns the bytes the files claim; they occupy almost nothing on disk. */
function writeSparseModel(folder: string): number {
  const weightMap: Record<string, string> = {};
  let total = 0;
  for (let shard = 0; shard < SHARDS; shard++) {
    const file = `model-${String(shard + 1).padStart(5, '0')}-of-${String(SHARDS).padStart(5, '0')}.safetensors`;
    const header: Record<string, unknown> = {};
    let offset = 0;
    for (let i = 0; i < LAYERS_PER_SHARD; i++)
      for (const [module, shape] of Object.entries(SHAPES)) {
        const name = `model.layers.${shard * LAYERS_PER_SHARD + i}.${module}.weight`;
        const bytes = shape[0] * shape[1] * 2;
        header[name] = { dtype: 'BF16', shape, data_offsets: [offset, offset + bytes] };
        weightMap[name] = file;
        offset += bytes;
      }
    const json = Buffer.from(JSON.stringify(header));
    const padded = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, ' ')]);
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(padded.length));
    const fd = openSync(join(folder, file), 'w');
    writeSync(fd, Buffer.concat([length, padded]));
    ftruncateSync(fd, 8 + padded.length + offset);
    closeSync(fd);
    total += 8 + padded.length + offset;
  }
  writeFileSync(
    join(folder, 'model.safetensors.index.json'),
    JSON.stringify({ metadata: { total_size: total }, weight_map: weightMap }),
  );
  return total;
}
