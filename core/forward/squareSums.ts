// Observer that sums the squares of what every linear layer takes in, column by column.

import type { BlockGraph, Tap } from '../model/forward/blockGraph.ts';
import type { ObservedBatch, Observer, Parts } from './blocks.ts';

export interface ModuleSum {
  readonly layer: number;
  readonly module: string;
  /** Σx² over all rows, one per column. */
  readonly sum: Float64Array;
  /** Tokens, or those that reached an expert. */
  readonly rows: number;
}

interface TapSum {
  readonly layer: number;
  readonly tap: Tap;
  readonly sum: Float64Array;
  rows: number;
}

export class SquareSums implements Observer {
  readonly #sums = new Map<string, TapSum>();

  outputs({ graph, taps }: BlockGraph): string[] {
    return taps.flatMap(({ name, value, columns, reached }) => {
      const squares = graph.op('ReduceSumSquare', [value, graph.integers([0])], { keepdims: 0 });
      graph.output(squaresOf(name), squares, [columns]);
      if (reached === undefined) return [squaresOf(name)];
      graph.output(rowsOf(name), reached, [1]);
      return [squaresOf(name), rowsOf(name)];
    });
  }

  receive(layer: number, found: Readonly<Record<string, Float32Array>>, batch: ObservedBatch): void {
    for (const tap of batch.block.taps) {
      const key = `${layer}/${tap.name}`;
      const known = this.#sums.get(key) ?? { layer, tap, sum: new Float64Array(tap.columns), rows: 0 };
      const { sum } = known;
      found[squaresOf(tap.name)]?.forEach((square, column) => {
        sum[column] = (sum[column] ?? 0) + square;
      });
      known.rows += found[rowsOf(tap.name)]?.[0] ?? batch.sequences * batch.tokens;
      this.#sums.set(key, known);
    }
  }

  sums(): ModuleSum[] {
    return [...this.#sums.values()].flatMap(({ layer, tap, sum, rows }) =>
      tap.modules.map((module) => ({ layer, module, sum, rows })),
    );
  }
}

/**
 * Sums of modules put to the tensors that hold their weights: a tensor of all experts has the columns of each, one after
 * the other, and the rows that reached each.
 */
export function sumsByTensor(
  { weights, network }: Parts,
  found: Iterable<ModuleSum>,
): { sums: Map<number, Float64Array>; rows: Map<number, Float64Array> } {
  const sums = new Map<number, Float64Array>();
  const rows = new Map<number, Float64Array>();
  for (const { layer, module, sum, rows: reached } of found) {
    // Inputs are rows of a matrix stored the other way around: nothing weighs its columns.
    if (network.block(layer).weights.get(module)?.transposed === true) continue;
    const place = weights.place(layer, module);
    if (place === null) continue;
    const { tensor, part, parts } = place;
    const all = sums.get(tensor.index) ?? new Float64Array(parts * sum.length);
    const counts = rows.get(tensor.index) ?? new Float64Array(parts);
    all.set(sum, part * sum.length);
    counts[part] = reached;
    sums.set(tensor.index, all);
    rows.set(tensor.index, counts);
  }
  return { sums, rows };
}

function squaresOf(tap: string): string {
  return `squares.${tap}`;
}

function rowsOf(tap: string): string {
  return `rows.${tap}`;
}
