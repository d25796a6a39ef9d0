// Observer that sums the squares of what every linear layer takes in, column by column.

import type { BlockGraph } from '../model/forward/blockGraph.ts';
import type { Observer } from './blocks.ts';

interface ModuleSum {
  readonly layer: number;
  readonly module: string;
  /** Σx² over all rows, one per column. */
  readonly sum: Float64Array;
}

export class SquareSums implements Observer {
  readonly #modules = new Map<string, readonly string[]>();
  readonly #sums = new Map<string, { layer: number; output: string; sum: Float64Array }>();

  outputs({ graph, taps }: BlockGraph): string[] {
    return taps.map(({ name, modules, value, columns }) => {
      const output = `squares.${name}`;
      graph.output(output, graph.op('ReduceSumSquare', [value, graph.integers([0])], { keepdims: 0 }), [columns]);
      this.#modules.set(output, modules);
      return output;
    });
  }

  receive(layer: number, found: Readonly<Record<string, Float32Array>>): void {
    for (const output of this.#modules.keys()) {
      const squares = found[output];
      if (squares === undefined) continue;
      const key = `${layer}/${output}`;
      const { sum } = this.#sums.get(key) ?? { sum: new Float64Array(squares.length) };
      squares.forEach((square, column) => {
        sum[column] = (sum[column] ?? 0) + square;
      });
      this.#sums.set(key, { layer, output, sum });
    }
  }

  sums(): ModuleSum[] {
    return [...this.#sums.values()].flatMap(({ layer, output, sum }) =>
      (this.#modules.get(output) ?? []).map((module) => ({ layer, module, sum })),
    );
  }
}
