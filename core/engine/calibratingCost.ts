// What a calibration would take, from a block of the model timed on this machine.

import { ActivationStatistics } from '../calibration/activationStatistics.ts';
import type { CalibrationRun } from '../calibration/calibrationRun.ts';
import type { CalibrationStore } from '../calibration/calibrationStore.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { batchSequences, type Hidden, runBlocks } from '../forward/blocks.ts';
import { embedTokens } from '../forward/embed.ts';
import type { Block, Network } from '../model/forward/family.ts';
import { groupSequences } from './calibratingRun.ts';

/** Float64 sums of every channel and float32 arrays, in bytes. */
const STATISTICS_BYTES = 6 * 8;
const FLOAT_BYTES = 4;
/** Scores, masked scores and their softmax are alive at once. */
const ATTENTION_COPIES = 3;

export interface Timing {
  /** Loading a block's weights and preparing its graph. */
  readonly loadSeconds: number;
  /** A full batch through one block, observed. */
  readonly batchSeconds: number;
}

const timings = new WeakMap<Checkpoint, Map<number, Promise<Timing>>>();

/** Seconds for what is not measured yet. */
export async function secondsLeft(
  run: CalibrationRun,
  store: CalibrationStore,
  signal: AbortSignal | undefined,
): Promise<number> {
  const { decoder, set, settings, id } = run;
  const { checkpoint } = decoder.parts.weights;
  const kept = await store.statistics(id, checkpoint.name);
  const missing = set.sequences.length - (kept?.sequences ?? 0);
  if (missing === 0) return 0;
  const { loadSeconds, batchSeconds } = await timingOf(run, checkpoint, signal);
  const groups = Math.ceil(missing / groupSequences(settings.context));
  const batches = missing / Math.min(missing, batchSequences(settings.context));
  return decoder.network.layers * (groups * loadSeconds + batches * batchSeconds);
}

function timingOf(run: CalibrationRun, checkpoint: Checkpoint, signal: AbortSignal | undefined): Promise<Timing> {
  const known = timings.get(checkpoint) ?? new Map<number, Promise<Timing>>();
  timings.set(checkpoint, known);
  const { context } = run.settings;
  const timing = known.get(context) ?? timeBlock(run, signal);
  known.set(context, timing);
  timing.catch(() => known.delete(context));
  return timing;
}

/** Blocks of more weights take seconds a batch; small ones are timed more often, since code gets faster as it runs. */
const LARGE_BLOCK = 1e7;

/** Batches through the first block: the first pays for loading, the fastest runs as all later ones will. */
async function timeBlock({ decoder, set, settings }: CalibrationRun, signal: AbortSignal | undefined): Promise<Timing> {
  const { parts } = decoder;
  const batch = set.sequences.slice(0, batchSequences(settings.context));
  const count = weightNumbers(decoder.network.block(0)) > LARGE_BLOCK ? 3 : 8;
  const states: Hidden[] = [];
  for (let i = 0; i < count; i++) states.push(await embedTokens(parts, batch, signal));
  const ends = [performance.now() / 1000];
  await runBlocks(parts, states, {
    layers: [0, 1],
    signal,
    observer: new ActivationStatistics(parts.weights.checkpoint.name),
    onBatch: () => ends.push(performance.now() / 1000),
  });
  const spans = ends.slice(1).map((end, i) => end - (ends[i] ?? end));
  const batchSeconds = Math.min(...spans);
  return { batchSeconds, loadSeconds: (spans[0] ?? 0) - batchSeconds };
}

/** Largest block in float32, hidden states of a group, activations of a batch, and results. */
export function memoryBytes({ decoder: { network }, set, settings: { context } }: CalibrationRun): number {
  const blocks = new Set(Array.from({ length: network.layers }, (_, layer) => network.block(layer)));
  const largest = Math.max(...[...blocks].map((block) => FLOAT_BYTES * weightNumbers(block)));
  const sequences = set.sequences.length;
  const batch = Math.min(sequences, batchSequences(context));
  const hidden = FLOAT_BYTES * Math.min(sequences, groupSequences(context)) * context * network.width;
  return largest + hidden + Math.max(...[...blocks].map((block) => activationBytes(block, network, batch, context)));
}

function weightNumbers({ weights }: Block): number {
  return [...weights.values()].reduce((sum, { dimensions }) => sum + product(dimensions), 0);
}

function activationBytes(block: Block, network: Network, sequences: number, tokens: number): number {
  const { taps, attention, graph } = block.graph({ sequences, tokens });
  const rows = sequences * tokens;
  const columns = taps.reduce((sum, tap) => sum + tap.columns, network.width);
  const scores = product((graph.shapeOf(attention) ?? []).map((dimension) => dimension ?? 1));
  return FLOAT_BYTES * (rows * columns + ATTENTION_COPIES * scores) + STATISTICS_BYTES * network.layers * columns;
}

function product(dimensions: readonly number[]): number {
  return dimensions.reduce((all, dimension) => all * dimension, 1);
}
