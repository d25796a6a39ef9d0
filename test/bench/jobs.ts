// What being a job costs an export, and what a second worker thread brings it.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Checkpoint } from '../../core/checkpoint/checkpoint.ts';
import { openCheckpoint } from '../../core/checkpoint/open.ts';
import { runExport } from '../../core/export/runExport.ts';
import { createJob } from '../../core/jobs/createJob.ts';
import { runJob } from '../../core/jobs/runJob.ts';
import { createPool, type Pool } from '../../core/kernels/pool.ts';
import type { Plan } from '../../core/protocol/plan.ts';
import type { FixtureTensor } from '../fixtures/writeSafetensors.ts';
import { writeLlamaFolder } from '../unit/export/exportFixtures.ts';
import { planFor } from '../unit/export/plans.ts';
import type { BenchRow } from './benchRow.ts';

/** 70 M weights in 40 tensors: seconds of work, as many units a second as a large model makes. */
const HIDDEN = 1024;
const FEED_FORWARD = 2816;
const LAYERS = 5;
const VOCABULARY = 8000;
const TYPES = ['Q4_K', 'Q6_K', 'Q5_K', 'Q8_0'] as const;
const RUNS = 5;
const MAX_OVERHEAD = 0.03;
const VERSIONS = { quantscope: 'bench', node: process.version, platform: process.platform };

export async function bench(): Promise<BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'quantscope-bench-'));
  const pools = [1, 2].map((threads) => createPool(new URL('../../core/engine/worker.ts', import.meta.url), threads));
  const [one, two] = pools as [Pool, Pool];
  try {
    const checkpoint = await openCheckpoint(writeModel(folder));
    const plan = planFor(checkpoint, (_, at) => TYPES[at % TYPES.length] ?? 'Q4_K');
    let runs = 0;
    const direct = async (pool: Pool): Promise<number> => {
      const output = join(folder, `direct ${runs++}.gguf`);
      return timed(() => runExport('gguf', { checkpoint, plan, output, overwrite: false }, { pool }), output);
    };
    const job = async (pool: Pool): Promise<number> => {
      const path = join(folder, `job ${runs++}`);
      return timed(() => makeAndRun(checkpoint, plan, path, pool), path);
    };
    await direct(one);
    await direct(two);
    const times = { one: [] as number[], two: [] as number[], job: [] as number[] };
    // In turns: a machine that slows down slows all of them.
    for (let run = 0; run < RUNS; run++) {
      times.two.push(await direct(two));
      times.job.push(await job(two));
      times.one.push(await direct(one));
    }
    return rowsOf(times);
  } finally {
    await Promise.all(pools.map((pool) => pool.close()));
    rmSync(folder, { recursive: true, force: true });
  }
}

function rowsOf({ one, two, job }: Record<'one' | 'two' | 'job', number[]>): BenchRow[] {
  const overhead = best(job) / best(two) - 1;
  return [
    {
      name: 'job against direct export, same bytes',
      value: overhead * 100,
      unit: '% longer',
      aim: `≤ ${MAX_OVERHEAD * 100}`,
      pass: overhead <= MAX_OVERHEAD,
      note: `fastest of ${RUNS}: ${best(job).toFixed(0)} and ${best(two).toFixed(0)} ms, folder and journal included`,
    },
    {
      name: 'export with 2 worker threads against 1',
      value: best(one) / best(two),
      unit: 'times as fast',
      note: `fastest of ${RUNS}: ${best(two).toFixed(0)} and ${best(one).toFixed(0)} ms`,
    },
  ];
}

/** What else the machine does only ever adds. */
function best(times: readonly number[]): number {
  return Math.min(...times);
}

async function timed(run: () => Promise<unknown>, output: string): Promise<number> {
  const began = performance.now();
  await run();
  const ms = performance.now() - began;
  rmSync(output, { recursive: true });
  return ms;
}

async function makeAndRun(checkpoint: Checkpoint, plan: Plan, folder: string, pool: Pool): Promise<void> {
  const wish = {
    plan,
    format: 'gguf',
    folder,
    output: 'model.gguf',
    importance: null,
    device: 'cpu',
    threads: null,
  } as const;
  const { paths } = await createJob(
    { ...wish, launcher: 'local', inputs: { checkpoint }, workers: pool.threads },
    VERSIONS,
    () => ({ program: process.execPath, args: [] }),
  );
  await runJob(paths.folder, { pool, versions: VERSIONS });
}

function writeModel(parent: string): string {
  const config = {
    hidden_size: HIDDEN,
    intermediate_size: FEED_FORWARD,
    num_hidden_layers: LAYERS,
    num_attention_heads: 16,
    num_key_value_heads: 16,
    vocab_size: VOCABULARY,
  };
  const layer = (at: number): FixtureTensor[] => {
    const name = (stem: string): string => `model.layers.${at}.${stem}.weight`;
    const square = ['q', 'k', 'v', 'o'].map((stem) => weights(name(`self_attn.${stem}_proj`), [HIDDEN, HIDDEN]));
    return [
      weights(name('input_layernorm'), [HIDDEN]),
      ...square,
      weights(name('post_attention_layernorm'), [HIDDEN]),
      weights(name('mlp.gate_proj'), [FEED_FORWARD, HIDDEN]),
      weights(name('mlp.up_proj'), [FEED_FORWARD, HIDDEN]),
      weights(name('mlp.down_proj'), [HIDDEN, FEED_FORWARD]),
    ];
  };
  const tensors = [
    weights('lm_head.weight', [VOCABULARY, HIDDEN]),
    weights('model.embed_tokens.weight', [VOCABULARY, HIDDEN]),
    ...Array.from({ length: LAYERS }, (_, at) => layer(at)).flat(),
    weights('model.norm.weight', [HIDDEN]),
  ];
  return writeLlamaFolder(parent, 'model', { config, tensors });
}

/** BF16 of magnitude 0.5 to 1, random mantissas and signs. */
function weights(name: string, shape: readonly number[]): FixtureTensor {
  let state = name.length;
  const data = Uint16Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return 0x3f00 | ((state >>> 24) & 0x7f) | ((state >>> 8) & 0x8000);
  });
  return { name, dtype: 'BF16', shape, data };
}
