// XᵀX of what a linear layer takes in: half the Hessian of its squared output error (Frantar et al. 2022, arXiv
// 2210.17323, eq. 3: H = 2XᵀX). Products of a batch in float32 by the runtime, sums over batches in float64.

import { bytesText } from '../base/byteText.ts';
import { QuantscopeError } from '../base/errors.ts';
import { MAX_HESSIAN_BYTES } from '../base/limits.ts';
import { type Hidden, type ObservedBatch, type Observer, type Parts, runBlocks } from '../forward/blocks.ts';
import type { BlockGraph, Tap } from '../model/forward/blockGraph.ts';

export interface Hessian {
  readonly layer: number;
  readonly tap: string;
  /** [columns, columns], symmetric: Σ over rows of x xᵀ. */
  readonly values: Float64Array;
  readonly columns: number;
  /** Tokens, or those that reached the expert. */
  readonly rows: number;
}

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
    if (bytes > MAX_HESSIAN_BYTES)
      throw new QuantscopeError(
        'MEMORY_LIMIT',
        `${this.#name}: layer ${this.#layer}: XᵀX of ${wanted.map(({ name }) => name).join(', ')} takes ${bytesText(bytes)}, limit ${bytesText(MAX_HESSIAN_BYTES)}`,
      );
    return wanted.flatMap(({ name, value, columns, reached }) => {
      const product = graph.op('MatMul', [graph.op('Transpose', [value], { perm: [1, 0] }), value]);
      graph.output(productOf(name), product, [columns, columns]);
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

function productOf(tap: string): string {
  return `product.${tap}`;
}

function rowsOf(tap: string): string {
  return `rows.${tap}`;
}
