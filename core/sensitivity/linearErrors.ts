// What quantizing a weight does to the one product it is in: errors at the output of linear layers, summed while the
// model runs once. Two ways to weigh ΔW = Ŵ − W by what the layer takes in, x:
//
//   full      Σ ‖x·ΔWᵀ‖² = tr(ΔW H ΔWᵀ), H = Σ xᵀx     (the layer-wise objective of GPTQ, arXiv 2210.17323, eq. 1)
//   diagonal  Σ_c h_c ‖ΔW_c‖²,           h = diag(H)    (what an importance matrix knows)
//
// each relative to the same of W. Neither needs H itself: both are sums over the rows of x.

import { throwIfCancelled } from '../base/cancellation.ts';
import { type Hidden, loadFeeds, type Observer, type Parts, type Replaced, runBlocks } from '../forward/blocks.ts';
import { embeddingRows } from '../forward/embed.ts';
import { HEAD_ROWS } from '../forward/head.ts';
import { SessionsBySize } from '../forward/sessions.ts';
import { LinearSums } from './linearSums.ts';
import { matrixElements, type Placed, placedIn, replacing, type Stage, stagesOf } from './placed.ts';
import { type Probe, probeOf } from './probe.ts';
import { addProductErrors, outputsOf, probeFeeds } from './productErrors.ts';
import type { Estimate } from './ratio.ts';
import type { MeasureOptions, ScoredTensor, TextRun } from './score.ts';
import { compareStates, copyState } from './states.ts';
import { Trunk } from './trunk.ts';
import type { Work } from './work.ts';

interface Probed {
  readonly placed: Placed;
  readonly probe: Probe;
  readonly replaced: Replaced;
}

/** Gives rows of `activationError` and `hessianTrace`. @throws as TextScore.measure */
export async function measureLinearErrors(run: TextRun, options: MeasureOptions): Promise<void> {
  const { parts } = run;
  const { layers } = parts.network;
  const { known, signal, onRows, onProgress } = options;
  const total = linearWork(run, known).multiplied;
  let done = 0;
  const step = (layer: number, states: number): void => {
    done += states * blockElements(parts, layer);
    onProgress?.(done, total, `layer ${layer + 1} of ${layers}`);
  };
  const trunk = new Trunk(run, signal, (layer) => step(layer, 1));
  for (const stage of stageOrder(parts)) {
    const waiting = placedIn(parts, stage).filter(({ tensor }) => !known(tensor.index));
    if (waiting.length === 0) continue;
    const probed: Probed[] = [];
    for (const placed of waiting) {
      const probe = await probeOf(run, placed.tensor, signal);
      probed.push({ placed, probe, replaced: replacing(placed, probe.values) });
    }
    const found = await errorsOf(run, stage, probed, trunk, signal);
    if (typeof stage === 'number') step(stage, 2);
    const rows = (kind: keyof LinearEstimates): ScoredTensor[] =>
      probed.flatMap(({ probe: { tensor, type, relativeError } }) => {
        const estimate = found.get(tensor.index)?.[kind];
        return estimate === undefined ? [] : [{ tensor: tensor.index, probe: type, relativeError, ...estimate }];
      });
    await onRows({ activationError: rows('diagonal'), hessianTrace: rows('full') });
  }
}

interface LinearEstimates {
  readonly full: Estimate;
  readonly diagonal: Estimate;
}

async function errorsOf(
  run: TextRun,
  stage: Stage,
  probed: readonly Probed[],
  trunk: Trunk,
  signal: AbortSignal | undefined,
): Promise<Map<number, LinearEstimates>> {
  const { parts, sequences } = run;
  const tokens = sequences[0]?.length ?? 0;
  const sums = new LinearSums(sequences.length, tokens);
  const replaced: Replaced = Object.assign({}, ...probed.map((one) => one.replaced));
  if (typeof stage === 'number') {
    const state = copyState(await trunk.before(stage));
    await runBlocks(parts, [state], {
      layers: [stage, stage + 1],
      signal,
      observer: blockObserver(parts, replaced, sums),
    });
    trunk.moveTo(stage + 1, state);
  } else if (needsHead(parts, stage))
    await runHead(parts, await trunk.before(parts.network.layers), replaced, sums, signal);
  const found = new Map<number, LinearEstimates>();
  for (const { placed, probe } of probed) {
    const estimates = sums.of(placed.modules.map(({ module }) => module));
    if (estimates !== null) found.set(placed.tensor.index, estimates);
    // x is one-hot, H the diagonal matrix of how often each token comes: both sums go over the rows that are looked up.
    else if (placed.modules.some(({ module }) => module === 'embed')) {
      const original = await embeddingRows(parts, sequences, signal);
      const error = compareStates(original, await embeddingRows(parts, sequences, signal, probe.values));
      found.set(placed.tensor.index, { full: error, diagonal: error });
    }
  }
  return found;
}

/** @param replaced probes of the layer that runs */
function blockObserver({ runtime, network }: Parts, replaced: Replaced, sums: LinearSums): Observer {
  const modules = new Set(Object.keys(replaced));
  return {
    outputs: ({ graph, weights }) => addProductErrors(graph, weights, modules).flatMap(outputsOf),
    async feeds(layer) {
      return probeFeeds(runtime, network.block(layer).weights, replaced);
    },
    receive(_layer, found, { first, sequences }) {
      for (const module of modules) sums.add(module, found, first, sequences);
    },
  };
}

async function runHead(
  parts: Parts,
  { values, sequences, tokens }: Hidden,
  replaced: Replaced,
  sums: LinearSums,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { network, runtime } = parts;
  const { head, width } = network;
  const modules = new Set(Object.keys(replaced).filter((module) => head.weights.has(module)));
  const feeds = {
    ...(await loadFeeds(parts, null, head.weights, {}, signal)),
    ...probeFeeds(runtime, head.weights, replaced),
  };
  await using sessions = new SessionsBySize(async (rows) => {
    const { graph, weights } = head.graph(rows);
    const outputs = addProductErrors(graph, weights, modules).flatMap(outputsOf);
    return { session: await runtime.session(graph.build()), outputs };
  });
  for (let sequence = 0; sequence < sequences; sequence++) {
    for (let token = 0; token < tokens; token += HEAD_ROWS) {
      throwIfCancelled(signal, 'running the model');
      const rows = Math.min(HEAD_ROWS, tokens - token);
      const first = (sequence * tokens + token) * width;
      const hidden = runtime.tensor(values.subarray(first, first + rows * width), [rows, width]);
      const { session, outputs } = await sessions.of(rows);
      const found = await session.run({ ...feeds, hidden }, outputs);
      for (const module of modules) sums.add(module, found, sequence, 1);
    }
  }
}

/** What `measureLinearErrors` does, counted. */
export function linearWork({ parts }: Pick<TextRun, 'parts'>, known: MeasureOptions['known']): Work {
  const work = { quantized: 0, loaded: 0, multiplied: 0, compared: 0 };
  let at = 0;
  for (const stage of stageOrder(parts)) {
    const waiting = placedIn(parts, stage).filter(({ tensor }) => !known(tensor.index));
    if (waiting.length === 0) continue;
    for (const { tensor } of waiting) work.quantized += tensor.elements;
    const to = typeof stage === 'number' ? stage : needsHead(parts, stage) ? parts.network.layers : at;
    for (; at < to; at++) {
      work.loaded += blockElements(parts, at);
      work.multiplied += blockElements(parts, at);
    }
    if (typeof stage === 'number') {
      work.loaded += blockElements(parts, stage);
      // Every product, and the same with the error in the weight's place.
      work.multiplied += 2 * blockElements(parts, stage);
      at = stage + 1;
    } else if (needsHead(parts, stage)) work.compared += 2;
  }
  return work;
}

/** A tied embedding multiplies what comes out of the last block. */
function stageOrder(parts: Parts): Stage[] {
  const [embedding, ...later] = stagesOf(parts);
  return embedding === undefined ? later : [...later, embedding];
}

function needsHead({ network }: Parts, stage: Stage): boolean {
  return stage === 'head' || (stage === 'embedding' && network.head.weights.has('embed'));
}

function blockElements({ network }: Parts, layer: number): number {
  return matrixElements(network.block(layer).weights);
}
