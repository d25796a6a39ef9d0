// Measuring a model on a calibration set: group by group of sequences, so that memory is bounded and a stopped run goes on.

import { ActivationStatistics } from '../calibration/activationStatistics.ts';
import type { CalibrationRun } from '../calibration/calibrationRun.ts';
import type { CalibrationStore } from '../calibration/calibrationStore.ts';
import { batchesOf, batchSequences, runBlocks } from '../forward/blocks.ts';
import type { RunProgress } from '../forward/decoder.ts';
import { embedTokens } from '../forward/embed.ts';
import { checkUnchanged } from '../io/fileIdentity.ts';

/** Tokens that go through all layers together and share one loading of their weights: some 130 MB at width 4,096. */
const GROUP_TOKENS = 8192;

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
