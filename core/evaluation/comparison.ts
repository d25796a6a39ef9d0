// What changed models do to the predictions of the original, token by token on the same text.

import { QuantscopeError } from '../base/errors.ts';
import { batchesOf, type Hidden, type Parts, runBlocks } from '../forward/blocks.ts';
import type { Decoder, RunProgress } from '../forward/decoder.ts';
import { embedTokens } from '../forward/embed.ts';
import { headLogits } from '../forward/head.ts';
import { requireNextTokens } from '../forward/nextTokens.ts';
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

/**
 * One comparison per change, in order. The original's blocks run once; its logits are made once for all changes that fit
 * in memory together.
 *
 * @throws SHAPE_INVALID when the vocabularies differ, UNSUPPORTED_ARCHITECTURE for encoders, and what Decoder.logits
 * throws
 */
export async function compareChanges(
  original: Decoder,
  changes: readonly Decoder[],
  scored: ScoredSequences,
  { signal, onProgress }: RunProgress = {},
): Promise<Comparison[]> {
  const { sequences } = scored;
  requireNextTokens(original.parts);
  for (const { network } of changes) checkVocabularies(original.network.vocabulary, network.vocabulary);
  let done = 0;
  let total = 0;
  const report = (message: string): void => onProgress?.(Math.min(++done, total), total, message);
  const finalStates = async ({ parts }: Decoder, name: string): Promise<Hidden> => {
    const { layers } = parts.network;
    const state = await embedTokens(parts, sequences, signal);
    if (total === 0) total = (1 + changes.length) * layers * batchesOf(state) + changes.length * sequences.length;
    const onBatch = (layer: number): void => report(`${name}, layer ${layer + 1} of ${layers}`);
    await runBlocks(parts, [state], { layers: [0, layers], signal, onBatch });
    return state;
  };
  const reference = await finalStates(original, 'original');
  const results: Comparison[] = [];
  for (const group of groups(changes, reference)) {
    const states: Hidden[] = [];
    for (const change of group) states.push(await finalStates(change, nameOf(results.length + states.length, changes)));
    const tallies = group.map(() => new ComparisonTally());
    const columns = [original, ...group].map(({ parts }, at) => ({ parts, state: states[at - 1] ?? reference }));
    await tally(columns, tallies, scored, signal, () => report('logits'));
    results.push(...tallies.map((one) => one.result(sequences.length)));
  }
  return results;
}

function nameOf(at: number, { length }: readonly Decoder[]): string {
  return length === 1 ? 'changed model' : `plan ${at + 1} of ${length}`;
}

function checkVocabularies(one: number, other: number): void {
  if (one !== other)
    throw new QuantscopeError(
      'SHAPE_INVALID',
      `the models have ${one} and ${other} tokens; only models of one vocabulary compare`,
    );
}

function* groups(changes: readonly Decoder[], { values }: Hidden): Generator<readonly Decoder[]> {
  const { vocabulary = 0, width = 0 } = changes[0]?.network ?? {};
  const each = values.byteLength + vocabulary * width * 4;
  const size = Math.max(1, Math.floor(TOGETHER_BYTES / each) - 1);
  for (let first = 0; first < changes.length; first += size) yield changes.slice(first, first + size);
}

/** Runs all output matrices row by row beside each other. @param columns the original first */
async function tally(
  columns: readonly { parts: Parts; state: Hidden }[],
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
