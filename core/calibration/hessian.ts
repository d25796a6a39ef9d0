// XᵀX of what a linear layer takes in: half the Hessian of its squared output error (Frantar et al. 2022, arXiv
// 2210.17323, eq. 3: H = 2XᵀX). Products of a batch in float32 by the runtime, sums over batches in float64.

import { bytesText } from '../base/byteText.ts';
import { throwIfCancelled } from '../base/cancellation.ts';
import { QuantscopeError } from '../base/errors.ts';
import { MAX_HESSIAN_BYTES } from '../base/limits.ts';
import {
  type Hidden,
  loadFeeds,
  type ObservedBatch,
  type Observer,
  type Parts,
  refuseNonFinite,
  runBlocks,
} from '../forward/blocks.ts';
import { SessionsBySize } from '../forward/sessions.ts';
import type { BlockGraph, Tap } from '../model/forward/blockGraph.ts';
import type { GraphBuilder, Value } from '../model/graph/graphBuilder.ts';

export interface Hessian extends InputProducts {
  readonly layer: number;
  readonly tap: string;
}

export interface InputProducts {
  /** [columns, columns], symmetric: Σ over rows of x xᵀ. */
  readonly values: Float64Array;
  readonly columns: number;
  /** Tokens, or those that reached the expert. */
  readonly rows: number;
}

/** Rows of one run through the head's norm: enough for a dense product. */
const HEAD_ROWS = 1024;

export interface HessianRun {
  readonly layers: readonly [from: number, to: number];
  /** Which taps of a layer are wanted: one at a time where layers are wide, since columns² numbers are kept of each. */
  readonly taps: (tap: Tap, layer: number) => boolean;
  /** Called once per tap when its layer is done; the next layer runs when it has resolved. */
  readonly onHessian: (hessian: Hessian) => void | Promise<void>;
  readonly signal?: AbortSignal | undefined;
  readonly onBatch?: ((layer: number) => void) | undefined;
}

/**
 * Runs the layers over hidden states, which are replaced by those after the last layer.
 * @throws MEMORY_LIMIT before a layer whose matrices exceed the limit; and what `runBlocks` throws
 */
export async function collectHessians(parts: Parts, hidden: Hidden, run: HessianRun): Promise<void> {
  const { layers, taps, onHessian, signal, onBatch } = run;
  for (let layer = layers[0]; layer < layers[1]; layer++) {
    const products = new Products(parts.weights.checkpoint.name, layer, (tap) => taps(tap, layer));
    await runBlocks(parts, [hidden], { layers: [layer, layer + 1], signal, onBatch, observer: products });
    for (const hessian of products.hessians()) await onHessian(hessian);
  }
}

/**
 * XᵀX of what the output matrix takes in.
 * @param hidden states after the last layer
 * @throws MEMORY_LIMIT; NON_FINITE, CANCELLED, and what loading weights throws
 */
export async function collectHeadHessian(
  parts: Parts,
  { values, sequences, tokens }: Hidden,
  signal: AbortSignal | undefined,
): Promise<InputProducts> {
  const { network, runtime, weights } = parts;
  const { width, head } = network;
  const { columns } = head;
  const where = `${weights.checkpoint.name}: the head`;
  checkBytes(`${where}: XᵀX`, 8 * columns ** 2);
  const sums = new Float64Array(columns ** 2);
  const rows = sequences * tokens;
  const feeds = await loadFeeds(parts, null, head.inputWeights, {}, signal);
  await using sessions = new SessionsBySize(async (count: number) => {
    const { graph, input } = head.inputGraph(count);
    graph.output('product', transposedProduct(graph, input), [columns, columns]);
    return { session: await runtime.session(graph.build()) };
  });
  for (let first = 0; first < rows; first += HEAD_ROWS) {
    throwIfCancelled(signal, 'running the model');
    const count = Math.min(HEAD_ROWS, rows - first);
    const { session } = await sessions.of(count);
    const hidden = runtime.tensor(values.subarray(first * width, (first + count) * width), [count, width]);
    const { product = new Float32Array() } = await session.run({ ...feeds, hidden }, ['product']);
    refuseNonFinite(product, where);
    for (let at = 0; at < sums.length; at++) sums[at] = (sums[at] ?? 0) + (product[at] ?? 0);
  }
  return { values: sums, columns, rows };
}

class Products implements Observer {
  readonly #name: string;
  readonly #layer: number;
  readonly #wanted: (tap: Tap) => boolean;
  readonly #sums = new Map<string, { values: Float64Array; columns: number; rows: number }>();

  constructor(name: string, layer: number, wanted: (tap: Tap) => boolean) {
    this.#name = name;
    this.#layer = layer;
    this.#wanted = wanted;
  }

  outputs({ graph, taps }: BlockGraph): string[] {
    const wanted = taps.filter(this.#wanted);
    const bytes = wanted.reduce((sum, { columns }) => sum + 8 * columns ** 2, 0);
    const names = wanted.map(({ name }) => name).join(', ');
    checkBytes(`${this.#name}: layer ${this.#layer}: XᵀX of ${names}`, bytes);
    return wanted.flatMap(({ name, value, columns, reached }) => {
      graph.output(productOf(name), transposedProduct(graph, value), [columns, columns]);
      if (reached === undefined) return [productOf(name)];
      graph.output(rowsOf(name), reached, [1]);
      return [productOf(name), rowsOf(name)];
    });
  }

  receive(_layer: number, found: Readonly<Record<string, Float32Array>>, batch: ObservedBatch): void {
    for (const { name, columns } of batch.block.taps.filter(this.#wanted)) {
      const product = found[productOf(name)] ?? new Float32Array();
      const sum = this.#sums.get(name) ?? { values: new Float64Array(columns ** 2), columns, rows: 0 };
      const { values } = sum;
      for (let at = 0; at < values.length; at++) values[at] = (values[at] ?? 0) + (product[at] ?? 0);
      sum.rows += found[rowsOf(name)]?.[0] ?? batch.sequences * batch.tokens;
      this.#sums.set(name, sum);
    }
  }

  hessians(): Hessian[] {
    return [...this.#sums].map(([tap, sum]) => ({ layer: this.#layer, tap, ...sum }));
  }
}

/** @throws MEMORY_LIMIT */
function checkBytes(what: string, bytes: number): void {
  if (bytes <= MAX_HESSIAN_BYTES) return;
  const limit = bytesText(MAX_HESSIAN_BYTES);
  throw new QuantscopeError('MEMORY_LIMIT', `${what} takes ${bytesText(bytes)}, limit ${limit}`);
}

/** [rows, columns] → [columns, columns] */
function transposedProduct(graph: GraphBuilder, value: Value): Value {
  return graph.op('MatMul', [graph.op('Transpose', [value], { perm: [1, 0] }), value]);
}

function productOf(tap: string): string {
  return `product.${tap}`;
}

function rowsOf(tap: string): string {
  return `rows.${tap}`;
}
