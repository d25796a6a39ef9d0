// What changed models do to the predictions of the original, token by token on the same text.

import { QuantscopeError } from '../base/errors.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { type Hidden, type Parts, runBlocks } from '../forward/blocks.ts';
import type { Decoder, RunProgress } from '../forward/decoder.ts';
import { embedTokens } from '../forward/embed.ts';
import { headLogits } from '../forward/head.ts';
import { requireNextTokens } from '../forward/nextTokens.ts';
import type { LoadedWeights } from '../forward/weights.ts';
import { type Comparison, ComparisonTally } from './comparisonTally.ts';
import { cutSequences, type ScoredSequences, type SequenceOptions } from './sequences.ts';

/** Final states and output matrices held at a time; changes beyond that run the original's output matrix again. */
const TOGETHER_BYTES = 1024 ** 3;

/**
 * Runs both models over the same sequences.
 * @throws SHAPE_INVALID when the vocabularies differ, TEXT_TOO_SHORT, and what Decoder.logits throws
 */
export async function compareModels(
  original: Decoder,
  changed: Decoder,
  ids: Uint32Array,
  options: SequenceOptions & RunProgress,
): Promise<Comparison> {
  const [comparison] = await compareChanges(original, [changed], cutSequences(ids, options), options);
  if (comparison === undefined) throw new QuantscopeError('INTERNAL', 'one change gave no comparison');
  return comparison;
}

export interface ComparisonRun extends RunProgress {
  /** Changes that run together at most. */
  readonly together?: number | undefined;
  /** Awaited for each change as soon as its figures are there. */
  readonly onCompared?: ((change: number, comparison: Comparison) => Promise<void>) | undefined;
}

/**
 * One comparison per change, in order. Those that run together all go through a layer before any goes through the next, so that a weight they
 * store alike is loaded once; the original's blocks run once, its logits once for all that run together.
 *
 * @throws SHAPE_INVALID when the vocabularies differ, UNSUPPORTED_ARCHITECTURE for encoders, and what Decoder.logits
 * throws
 */
export async function compareChanges(
  original: Decoder,
  changes: readonly Decoder[],
  scored: ScoredSequences,
  { signal, onProgress, together, onCompared }: ComparisonRun = {},
): Promise<Comparison[]> {
  const { sequences } = scored;
  requireNextTokens(original.parts);
  for (const { network } of changes) checkVocabularies(original.network.vocabulary, network.vocabulary);
  const models = [original, ...changes];
  const steps = models.reduce((sum, { network }) => sum + network.layers, 0) + changes.length * sequences.length;
  let done = 0;
  const report = (message: string): void => onProgress?.(Math.min(++done, steps), steps, message);
  const loaded = new SharedWeights();
  const reference = { parts: loaded.partsOf(original), state: await embedTokens(original.parts, sequences, signal) };
  const results: Comparison[] = [];
  for (const group of groups(changes, reference.state, together)) {
    const columns: Column[] = [];
    for (const { parts } of group) {
      const state = await embedTokens(parts, sequences, signal);
      columns.push({ parts: loaded.partsOf({ parts }), state });
    }
    const started = results.length > 0;
    await runLayers(started ? columns : [reference, ...columns], loaded, signal, report);
    const tallies = group.map(() => new ComparisonTally());
    await tally([reference, ...columns], tallies, scored, signal, () => report('logits'));
    loaded.clear();
    for (const one of tallies) {
      const comparison = one.result(sequences.length);
      await onCompared?.(results.length, comparison);
      results.push(comparison);
    }
  }
  return results;
}

interface Column {
  readonly parts: Parts;
  readonly state: Hidden;
}

/** Weights in use, by the checkpoint they are of: models compared may be of different files. */
class SharedWeights {
  readonly #byCheckpoint = new Map<Checkpoint, LoadedWeights>();

  partsOf({ parts }: Pick<Decoder, 'parts'>): Parts {
    const { checkpoint } = parts.weights;
    const loaded: LoadedWeights = this.#byCheckpoint.get(checkpoint) ?? new Map();
    this.#byCheckpoint.set(checkpoint, loaded);
    return { ...parts, weights: parts.weights.sharing(loaded) };
  }

  clear(): void {
    for (const loaded of this.#byCheckpoint.values()) loaded.clear();
  }
}

async function runLayers(
  columns: readonly Column[],
  loaded: SharedWeights,
  signal: AbortSignal | undefined,
  report: (message: string) => void,
): Promise<void> {
  const layers = Math.max(...columns.map(({ parts }) => parts.network.layers));
  for (let layer = 0; layer < layers; layer++) {
    for (const { parts, state } of columns) {
      if (layer >= parts.network.layers) continue;
      await runBlocks(parts, [state], { layers: [layer, layer + 1], signal });
      report(`layer ${layer + 1} of ${layers}, ${columns.length} models`);
    }
    loaded.clear();
  }
}

function checkVocabularies(one: number, other: number): void {
  if (one !== other)
    throw new QuantscopeError(
      'SHAPE_INVALID',
      `the models have vocabularies of ${one} and ${other} tokens; only models of one vocabulary compare`,
    );
}

function* groups(
  changes: readonly Decoder[],
  { values }: Hidden,
  together = changes.length,
): Generator<readonly Decoder[]> {
  const { vocabulary = 0, width = 0 } = changes[0]?.network ?? {};
  const each = values.byteLength + vocabulary * width * 4;
  const size = Math.max(1, Math.min(together, Math.floor(TOGETHER_BYTES / each) - 1));
  for (let first = 0; first < changes.length; first += size) yield changes.slice(first, first + size);
}

/** Runs all output matrices row by row beside each other. @param columns the original first */
async function tally(
  columns: readonly Column[],
  tallies: readonly ComparisonTally[],
  { from, target }: ScoredSequences,
  signal: AbortSignal | undefined,
  onSequence: () => void,
): Promise<void> {
  const runs = columns.map(({ parts, state }, at) =>
    headLogits(parts, [state], { from, signal, onSequence: at === 0 ? undefined : onSequence }),
  );
  const vocabulary = columns[0]?.parts.network.vocabulary ?? 0;
  try {
    for (;;) {
      const rows = [];
      for (const run of runs) rows.push((await run.next()).value);
      const [reference, ...changed] = rows;
      const p = reference?.logits[0];
      if (p === undefined) return;
      for (let row = 0; row * vocabulary < p.length; row++) {
        const token = target(reference.first + row);
        if (token === null) continue;
        const [begin, end] = [row * vocabulary, (row + 1) * vocabulary];
        for (const [at, one] of tallies.entries()) {
          const q = changed[at]?.logits[0];
          if (q !== undefined) one.add(p.subarray(begin, end), q.subarray(begin, end), token);
        }
      }
    }
  } finally {
    for (const run of runs) await run.return(undefined);
  }
}
