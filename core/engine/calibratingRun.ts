// Running a model on a calibration set: group by group of sequences, so that memory is bounded and a stopped run goes on.

import { createHash } from 'node:crypto';
import { QuantscopeError } from '../base/errors.ts';
import { ActivationStatistics } from '../calibration/activationStatistics.ts';
import { type CalibrationSet, calibrationSet } from '../calibration/calibrationSet.ts';
import type { CalibrationStore } from '../calibration/calibrationStore.ts';
import { type CalibrationText, readCalibrationText } from '../calibration/calibrationText.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { refuseImatrix } from '../checkpoint/imatrixDetails.ts';
import { batchesOf, batchSequences, runBlocks } from '../forward/blocks.ts';
import { Decoder, type RunProgress } from '../forward/decoder.ts';
import { embedTokens } from '../forward/embed.ts';
import { checkUnchanged } from '../io/fileIdentity.ts';
import type { Pool } from '../kernels/pool.ts';
import type { RunSettings } from '../protocol/calibration.ts';
import { openTokenizer, type TextTokenizer } from '../tokenizer/textTokenizer.ts';

/** Raise when what is measured changes: older results are then never continued or shown. */
const METHOD_VERSION = 1;
/** Tokens that go through all layers together and share one loading of their weights: some 130 MB at width 4,096. */
const GROUP_TOKENS = 8192;

export interface CalibrationRun {
  readonly decoder: Decoder;
  readonly tokenizer: TextTokenizer;
  readonly text: CalibrationText;
  readonly set: CalibrationSet;
  readonly settings: RunSettings;
  /** The same model on the same tokens has the same one. */
  readonly id: string;
}

/**
 * @throws UNSUPPORTED_ARCHITECTURE, HEADER_INVALID, RUNTIME_MISSING; TOKENIZER_UNSUPPORTED without a tokenizer or for ids
 * the model does not have; TEXT_TOO_SHORT; USAGE for a context the model was not made for; what reading the text throws
 */
export async function prepareRun(checkpoint: Checkpoint, pool: Pool, settings: RunSettings): Promise<CalibrationRun> {
  refuseImatrix(checkpoint);
  const decoder = await Decoder.open(checkpoint, pool);
  const { context: longest, vocabulary } = decoder.network;
  if (settings.context > longest)
    throw new QuantscopeError(
      'USAGE',
      `${checkpoint.name}: a context of ${settings.context} tokens, the model was made for ${longest}`,
    );
  const tokenizer = await openTokenizer(checkpoint);
  const text = await readCalibrationText(settings.text);
  const set = await calibrationSet(text, tokenizer, settings);
  for (const sequence of set.sequences)
    for (const id of sequence)
      if (id >= vocabulary)
        throw new QuantscopeError(
          'TOKENIZER_UNSUPPORTED',
          `${checkpoint.name}: token ${id} of the text, the model has ${vocabulary}`,
        );
  const facts = [checkpoint.fingerprint, set.dataHash, settings.context, METHOD_VERSION];
  const id = createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 32);
  return { decoder, tokenizer, text, set, settings, id };
}

/** Sequences that go through all layers before the next ones do. */
export function groupSequences(context: number): number {
  const batch = batchSequences(context);
  return batch * Math.max(1, Math.floor(GROUP_TOKENS / (batch * context)));
}

/**
 * Measures what is missing. After every group of sequences the statistics are saved; a run that was stopped, however,
 * goes on behind the last one saved and ends with the same numbers, bit for bit.
 * @throws NON_FINITE naming layer and tap, MEMORY_LIMIT, CANCELLED, FILE_CHANGED, FILE_TRUNCATED, TENSOR_NOT_FOUND,
 * SHAPE_INVALID
 */
export async function measureActivations(
  { decoder, set, id, settings: { context } }: CalibrationRun,
  store: CalibrationStore,
  { signal, onProgress }: RunProgress = {},
): Promise<ActivationStatistics> {
  const { parts, network } = decoder;
  const { name, files } = parts.weights.checkpoint;
  const kept = await store.statistics(id, name);
  const statistics = kept ?? new ActivationStatistics(name);
  const total = set.sequences.length;
  const size = groupSequences(context);
  const stepsOf = (sequences: number): number =>
    network.layers * batchesOf({ values: new Float32Array(), sequences, tokens: context });
  // What was done before took no time now: counted in, it would make the rest look short.
  const steps = stepsOf(total) - stepsOf(statistics.sequences);
  let done = 0;
  while (statistics.sequences < total) {
    const group = set.sequences.slice(statistics.sequences, statistics.sequences + size);
    const before = statistics.sequences;
    const hidden = await embedTokens(parts, group, signal);
    await runBlocks(parts, [hidden], {
      layers: [0, network.layers],
      signal,
      observer: statistics,
      onBatch: (layer) =>
        onProgress?.(
          ++done,
          steps,
          `layer ${layer + 1} of ${network.layers}, sequences ${before + 1} to ${before + group.length} of ${total}`,
        ),
    });
    statistics.advance(group.length);
    // Weights read while a file changed are of neither version.
    await checkUnchanged(files);
    await store.saveStatistics(id, statistics);
  }
  return statistics;
}
