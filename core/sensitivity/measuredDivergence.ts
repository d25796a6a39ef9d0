// What an error in one tensor does to the model's predictions: KL(original ‖ changed), one tensor quantized at a time.
// For small errors the divergence is quadratic in the weights' change, so divergence / relative error is a constant of
// the tensor (a second-order expansion, as in Hessian-based scores): one probe per tensor gives the damage of every type.

import { type Checkpoint, matrixShape, type TensorInfo } from '../checkpoint/checkpoint.ts';
import { tensorSource } from '../checkpoint/tensorSource.ts';
import { divergence } from '../evaluation/likelihood.ts';
import type { ScoredSequences } from '../evaluation/sequences.ts';
import { Spread } from '../evaluation/spread.ts';
import { type Hidden, type Parts, runBlocks } from '../forward/blocks.ts';
import type { Decoder, RunProgress } from '../forward/decoder.ts';
import { embedTokens } from '../forward/embed.ts';
import { headLogits } from '../forward/head.ts';
import type { Pool } from '../kernels/pool.ts';
import type { SensitivityRow } from '../protocol/objects.ts';
import { type GgufTarget, isQuantizable, storedType } from '../quant/ggufTypes.ts';
import type { Importance } from '../quant/importance.ts';
import type { RoundTripInput, RoundTripOutput } from './roundTripTask.ts';

/** Coarse enough to stand out of float32's noise on a few thousand tokens, fine enough to be a small error. */
const PROBE: GgufTarget = 'Q3_K';
/** Elements of one task: its scratch stays far below a worker's arena. */
const CHUNK_ELEMENTS = 1 << 22;

export interface MeasuredDivergence {
  readonly tensor: number;
  readonly probe: GgufTarget;
  /** Of the probe, as the sensitivity scan measured it. */
  readonly relativeError: number;
  /** Mean KL per token, nats, and its standard error. */
  readonly divergence: number;
  readonly error: number;
}

export interface DivergenceOptions extends RunProgress {
  readonly pool: Pool;
  /** Relative errors per type, by tensor. */
  readonly rows: ReadonlyMap<number, SensitivityRow>;
  readonly importance?: Importance | undefined;
}

/**
 * Measures every weight of the blocks, the embedding and the head. Layer by layer: the states before a layer are
 * computed once, every variant of the layer runs on from there, and all variants share each later block's weights.
 *
 * @throws what Decoder.logits throws
 */
export async function measureDivergences(
  decoder: Decoder,
  { sequences, from, target }: ScoredSequences,
  options: DivergenceOptions,
): Promise<MeasuredDivergence[]> {
  const { parts } = decoder;
  const { layers, head } = parts.network;
  const { signal } = options;
  const { checkpoint } = parts.weights;
  const results: MeasuredDivergence[] = [];
  const step = stepper(layers, options);
  const reference = await embedTokens(parts, sequences, signal);
  const final = copy(reference);
  await runBlocks(parts, [final], { layers: [0, layers], signal });
  const compare = async (probes: readonly Probe[], states: readonly Hidden[], output?: Float32Array): Promise<void> => {
    const found = await divergences(parts, final, states, { from, target, signal, output });
    for (const [at, { tensor, type, relativeError }] of probes.entries()) {
      const spread = found[at];
      if (spread === undefined) continue;
      const { mean, standardError } = spread;
      results.push({ tensor: tensor.index, probe: type, relativeError, divergence: mean, error: standardError });
    }
  };
  for (const module of new Set(['embed', head.output])) {
    const probe = probeOf(parts.weights.find(null, module), options);
    if (probe === null) continue;
    const matrix = await roundTrip(checkpoint, probe, options);
    const tied = module === head.output;
    if (module === 'embed') {
      const changed = await embedTokens(parts, sequences, signal, { embed: matrix });
      await runBlocks(parts, [changed], { layers: [0, layers], signal });
      await compare([probe], [changed], tied ? matrix : undefined);
    } else await compare([probe], [final], matrix);
  }
  step('embedding and head');
  for (let layer = 0; layer < layers; layer++) {
    const probes: Probe[] = [];
    const states: Hidden[] = [];
    for (const module of parts.network.block(layer).weights.keys()) {
      const probe = probeOf(parts.weights.find(layer, module), options);
      if (probe === null) continue;
      const changed = copy(reference);
      const replaced = { [module]: await roundTrip(checkpoint, probe, options) };
      await runBlocks(parts, [changed], { layers: [layer, layer + 1], replaced: [replaced], signal });
      probes.push(probe);
      states.push(changed);
    }
    await runBlocks(parts, [reference], { layers: [layer, layer + 1], signal });
    await runBlocks(parts, states, { layers: [layer + 1, layers], signal });
    await compare(probes, states);
    step(`layer ${layer + 1} of ${layers}`);
  }
  return results;
}

/** Damage per unit of relative error, nats: never negative, 0 where the probe changed nothing. */
export function damagePerError({ divergence: mean, relativeError }: MeasuredDivergence): number {
  return relativeError > 0 ? mean / relativeError : 0;
}

interface Probe {
  readonly tensor: TensorInfo;
  readonly type: GgufTarget;
  readonly relativeError: number;
}

function probeOf(tensor: TensorInfo | null, { rows }: DivergenceOptions): Probe | null {
  if (tensor === null || !isQuantizable(tensor)) return null;
  const type = storedType(PROBE, matrixShape(tensor).columns);
  const measured = rows.get(tensor.index)?.damages.find((damage) => damage.stored === type);
  if (measured === undefined || !Number.isFinite(measured.relativeError)) return null;
  return { tensor, type, relativeError: measured.relativeError };
}

async function roundTrip(
  checkpoint: Checkpoint,
  { tensor, type }: Probe,
  options: DivergenceOptions,
): Promise<Float32Array> {
  const { pool, signal } = options;
  const { rows, columns } = matrixShape(tensor);
  const source = tensorSource(checkpoint, tensor.index);
  const weights = options.importance?.columns(tensor.index);
  const importance = weights?.length === columns ? weights : undefined;
  const values = new Float32Array(tensor.elements);
  const step = Math.max(1, Math.floor(CHUNK_ELEMENTS / columns));
  const parts: Promise<void>[] = [];
  for (let firstRow = 0; firstRow < rows; firstRow += step) {
    const input: RoundTripInput = { source, firstRow, rows: Math.min(step, rows - firstRow), type, importance };
    const place = firstRow * columns;
    parts.push(
      pool.run<RoundTripOutput>('roundTrip', input, { signal }).then((part) => values.set(part.values, place)),
    );
  }
  await Promise.all(parts);
  return values;
}

/** KL of every state's predictions from those of the final reference state. */
async function divergences(
  parts: Parts,
  final: Hidden,
  states: readonly Hidden[],
  run: Pick<ScoredSequences, 'from' | 'target'> & { signal: AbortSignal | undefined; output: Float32Array | undefined },
): Promise<Spread[]> {
  const { vocabulary } = parts.network;
  const spreads = states.map(() => new Spread());
  const { from, target, signal, output } = run;
  // A changed head needs its own run; otherwise the reference goes through the same matrix in the same run.
  const shared = output === undefined;
  const own = headLogits(parts, shared ? [final, ...states] : states, { from, output, signal });
  const other = shared ? null : headLogits(parts, [final], { from, signal });
  try {
    for await (const { first, logits } of own) {
      const [reference, ...changed] =
        other === null ? logits : [...((await other.next()).value?.logits ?? []), ...logits];
      if (reference === undefined) continue;
      for (let row = 0; row * vocabulary < reference.length; row++) {
        if (target(first + row) === null) continue;
        const [begin, end] = [row * vocabulary, (row + 1) * vocabulary];
        const p = reference.subarray(begin, end);
        for (const [at, q] of changed.entries()) spreads[at]?.add(divergence(p, q.subarray(begin, end)));
      }
    }
  } finally {
    await other?.return(undefined);
  }
  return spreads;
}

function copy({ values, ...size }: Hidden): Hidden {
  return { ...size, values: values.slice() };
}

/** Later layers have fewer blocks after them: layer l costs about (layers − l) block runs per weight. */
function stepper(layers: number, { onProgress }: RunProgress): (message: string) => void {
  const total = 1 + (layers * (layers + 1)) / 2;
  let next = 1;
  let cost = layers;
  return (message) => {
    onProgress?.(Math.min(next, total), total, message);
    next += cost--;
  };
}
