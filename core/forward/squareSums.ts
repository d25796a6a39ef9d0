// Observer that sums the squares of what every linear layer takes in, column by column.

import type { BlockGraph, Tap } from '../model/forward/blockGraph.ts';
import type { ObservedBatch, Observer } from './blocks.ts';

interface ModuleSum {
  readonly layer: number;
  readonly module: string;
  /** Σx² over all rows, one per column. */
  readonly sum: Float64Array;
}

export class SquareSums implements Observer {
  readonly #sums = new Map<string, { layer: number; tap: Tap; sum: Float64Array }>();

  outputs({ graph, taps }: BlockGraph): string[] {
    return taps.map(({ name, value, columns }) => {
      const squares = graph.op('ReduceSumSquare', [value, graph.integers([0])], { keepdims: 0 });
      graph.output(outputOf(name), squares, [columns]);
      return outputOf(name);
    });
  }

  receive(layer: number, found: Readonly<Record<string, Float32Array>>, { block }: ObservedBatch): void {
    for (const tap of block.taps) {
      const key = `${layer}/${tap.name}`;
      const { sum } = this.#sums.get(key) ?? { sum: new Float64Array(tap.columns) };
      found[outputOf(tap.name)]?.forEach((square, column) => {
        sum[column] = (sum[column] ?? 0) + square;
      });
      this.#sums.set(key, { layer, tap, sum });
    }
  }

  sums(): ModuleSum[] {
    return [...this.#sums.values()].flatMap(({ layer, tap, sum }) =>
      tap.modules.map((module) => ({ layer, module, sum })),
    );
  }
}

function outputOf(tap: string): string {
  return `squares.${tap}`;
}
