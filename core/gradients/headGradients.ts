// Gradients at the head: of the mean negative log likelihood, with respect to the last hidden states and the head's
// weights, some rows at a time so that logits of a large vocabulary fit.

import { throwIfCancelled } from '../base/cancellation.ts';
import { type Hidden, loadFeeds, type Parts } from '../forward/blocks.ts';
import { HEAD_ROWS } from '../forward/head.ts';
import { SessionsBySize } from '../forward/sessions.ts';
import {
  addGradientOutputs,
  type GradientSession,
  type Gradients,
  gradientOf,
  weightVariables,
} from './gradientOutputs.ts';
import type { Targets } from './targets.ts';
import { addTo } from './weight.ts';

export interface PassOptions {
  /** Weights wanted, by grid column. */
  readonly modules: readonly string[];
  /** Sequences of one batch. */
  readonly step: number;
  readonly signal: AbortSignal | undefined;
}

/** What some sequences add to the loss and its gradients. */
export interface HeadBatch {
  readonly first: number;
  /** Nats. */
  readonly loss: number;
  /** [rows of the batch, width] */
  readonly hidden: Float32Array;
  /** By module. */
  readonly weights: Gradients;
}

/** @throws as `headLogits` */
export async function* headGradients(
  parts: Parts,
  { values, sequences, tokens }: Hidden,
  targets: Targets,
  { modules, step, signal }: PassOptions,
): AsyncGenerator<HeadBatch> {
  const { network, runtime } = parts;
  const { width, head } = network;
  const feeds = await loadFeeds(parts, null, head.weights, {}, signal);
  await using sessions = new SessionsBySize((rows) => headSession(parts, modules, rows));
  for (let first = 0; first < sequences; first += step) {
    const end = Math.min(first + step, sequences) * tokens;
    const hidden = new Float32Array((end - first * tokens) * width);
    const weights: Record<string, Float32Array> = {};
    let loss = 0;
    for (let row = first * tokens; row < end; row += HEAD_ROWS) {
      throwIfCancelled(signal, 'gradients');
      const rows = Math.min(HEAD_ROWS, end - row);
      const held = heldRows(targets, row, rows);
      if (held === null) continue;
      const { session, outputs } = await sessions.of(rows);
      const found = await session.run(
        {
          ...feeds,
          hidden: runtime.tensor(values.subarray(row * width, (row + rows) * width), [rows, width]),
          labels: runtime.tensor(held.labels, [rows, 1]),
          shares: runtime.tensor(held.shares, [rows, 1]),
        },
        ['losses', ...outputs],
      );
      hidden.set(found[gradientOf('hidden')] ?? [], (row - first * tokens) * width);
      held.shares.forEach((share, i) => {
        loss += share * (found.losses?.[i] ?? Number.NaN);
      });
      for (const module of modules) {
        const part = found[gradientOf(module)] ?? new Float32Array();
        const sum = weights[module];
        if (sum === undefined) weights[module] = part;
        else addTo(sum, part);
      }
    }
    yield { first, loss, hidden, weights };
  }
}

/** Labels of consecutive rows and what each counts; null where none does. */
function heldRows(
  { of, count }: Targets,
  first: number,
  rows: number,
): { labels: BigInt64Array; shares: Float32Array } | null {
  const labels = new BigInt64Array(rows);
  const shares = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    const target = of(first + row);
    if (target === null) continue;
    labels[row] = BigInt(target);
    shares[row] = 1 / count;
  }
  return shares.some((share) => share > 0) ? { labels, shares } : null;
}

/** Loss of a row = −log softmax(logits)[label]; its gradient with respect to the logits is softmax − one-hot. */
async function headSession(
  { network, runtime }: Parts,
  modules: readonly string[],
  rows: number,
): Promise<GradientSession> {
  const { graph, hidden, logits, weights } = network.head.graph(rows);
  const labels = graph.input('labels', 'int64', [rows, 1]);
  const shares = graph.input('shares', 'float32', [rows, 1]);
  const likelihoods = graph.op('LogSoftmax', [logits], { axis: -1 });
  const losses = graph.op('Neg', [graph.op('GatherElements', [likelihoods, labels], { axis: 1 })]);
  graph.output('losses', losses, [rows, 1]);
  const outputs = addGradientOutputs(graph, { value: losses, upstream: shares }, [
    { name: 'hidden', value: hidden, dimensions: [rows, network.width] },
    ...weightVariables(modules, weights, network.head.weights),
  ]);
  return { session: await runtime.session(graph.build()), outputs };
}
