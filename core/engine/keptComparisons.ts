// Comparisons of plans with the original on disk, one entry each: a run that was stopped goes on with the next plan.

import { createHash } from 'node:crypto';
import * as z from 'zod';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { Comparison } from '../evaluation/comparisonTally.ts';
import type { StoredTypes } from '../forward/plannedWeights.ts';
import { openCacheFolder } from '../io/cacheFolder.ts';
import { spellFigures } from '../protocol/figures.ts';
import { zFigure } from '../protocol/objects.ts';
import type { Importance } from '../quant/importance.ts';

/** Changes when the same plan on the same text would measure otherwise. */
const VERSION = 1;

const zPerplexity = z.object({
  perplexity: zFigure,
  error: zFigure,
  loss: zFigure,
  tokens: z.int(),
  sequences: z.int(),
});

const zKept = zPerplexity.extend({
  original: zPerplexity,
  divergence: z.object({ mean: zFigure, error: zFigure, p99: zFigure, p999: zFigure, largest: zFigure }),
  topAgreement: zFigure,
  topAgreementError: zFigure,
  at: z.string(),
});

export interface DatedComparison extends Comparison {
  /** When it was measured. */
  readonly at: string;
}

/**
 * Names a comparison by everything its figures depend on.
 * @param text names the tokens and which of them count
 */
export function comparisonKey(
  { fingerprint }: Checkpoint,
  types: StoredTypes,
  text: string,
  importance: Importance | undefined,
): string {
  const parts = [VERSION, fingerprint, [...types].toSorted(([a], [b]) => a - b), text, importance?.id ?? 'plain'];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 40);
}

/** Null for entries that are missing or damaged. */
export async function keptComparison(key: string): Promise<DatedComparison | null> {
  try {
    const bytes = await (await openCacheFolder('comparisons')).read(key);
    return bytes === null ? null : zKept.parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    return null; // whatever is wrong with it can be measured again
  }
}

/** A folder that cannot be written is done without. */
export async function keepComparison(key: string, comparison: DatedComparison): Promise<void> {
  const bytes = new TextEncoder().encode(JSON.stringify(spellFigures(comparison)));
  const folder = await openCacheFolder('comparisons').catch(() => null);
  await folder?.write(key, bytes).catch(() => undefined);
}
