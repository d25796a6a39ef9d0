// Models under test with a text to run them on, and whatever a score says of their tensors.

import { fileURLToPath } from 'node:url';
import { calibrationSet } from '../../../core/calibration/calibrationSet.ts';
import { readCalibrationText } from '../../../core/calibration/calibrationText.ts';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { Decoder } from '../../../core/forward/decoder.ts';
import type { Pool } from '../../../core/kernels/pool.ts';
import type { ScoreId } from '../../../core/protocol/calibration.ts';
import type { NamedRun } from '../../../core/sensitivity/measureScore.ts';
import type { ScoredTensor, TextRun, TextScore } from '../../../core/sensitivity/score.ts';
import { openTokenizer } from '../../../core/tokenizer/textTokenizer.ts';

export const SAMPLE = fileURLToPath(new URL('../../fixtures/sample-llama', import.meta.url));

/** The sample model on sequences of the bundled text. */
export async function sampleRun(
  pool: Pool,
  settings: { context: number; sequences: number; seed: number },
): Promise<NamedRun> {
  const checkpoint = await openCheckpoint(SAMPLE);
  const { parts } = await Decoder.open(checkpoint, pool);
  const text = await readCalibrationText({ kind: 'sample' });
  const { sequences, dataHash } = await calibrationSet(text, await openTokenizer(checkpoint), settings);
  return { checkpoint, pool, parts, sequences, dataHash, source: `${text.name}, seed ${settings.seed}` };
}

/** A model of a folder on given tokens. */
export async function runOn(path: string, sequences: readonly Uint32Array[], pool: Pool): Promise<TextRun> {
  const checkpoint = await openCheckpoint(path);
  const { parts } = await Decoder.open(checkpoint, pool);
  return { checkpoint, pool, parts, sequences };
}

/** Rows of a score by tensor name, of the named tensors or all, with what came along. */
export async function measured(
  score: TextScore,
  run: TextRun,
  wanted: (name: string) => boolean = () => true,
): Promise<Record<ScoreId, Map<string, ScoredTensor>>> {
  const names = run.checkpoint.tensors.map(({ name }) => name);
  const found: Partial<Record<ScoreId, Map<string, ScoredTensor>>> = {};
  let [last, end] = [0, 0];
  await score.measure(run, {
    known: (tensor) => !wanted(names[tensor] ?? ''),
    async onRows(rows) {
      for (const [id, own] of Object.entries(rows) as [ScoreId, ScoredTensor[]][]) {
        const table = found[id] ?? new Map<string, ScoredTensor>();
        for (const row of own) table.set(names[row.tensor] ?? '', row);
        found[id] = table;
      }
    },
    onProgress(done, total) {
      if (done < last || done > total) throw new Error(`progress ${last} → ${done} of ${total}`);
      [last, end] = [done, total];
    },
  });
  if (last !== end) throw new Error(`progress ended at ${last} of ${end}`);
  return found as Record<ScoreId, Map<string, ScoredTensor>>; // missing ones read as undefined fail the test
}
