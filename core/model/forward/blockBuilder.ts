// What graphs of all families start from: inputs for hidden states and weights, linear layers, taps.

import { GraphBuilder, type Value } from '../graph/graphBuilder.ts';
import type { BatchSize, BlockGraph, Tap } from './blockGraph.ts';
import type { Block, WeightLayouts } from './family.ts';

/** A graph whose inputs include stored weights. */
export class WeightedGraph {
  readonly graph: GraphBuilder;
  readonly weights: ReadonlyMap<string, Value>;
  readonly #layouts: WeightLayouts;

  constructor(name: string, layouts: WeightLayouts) {
    this.graph = new GraphBuilder(name);
    this.#layouts = layouts;
    this.weights = new Map(
      [...layouts].map(([module, { dimensions }]) => [module, this.graph.input(module, 'float32', dimensions)]),
    );
  }

  has(module: string): boolean {
    return this.weights.has(module);
  }

  weight(module: string): Value {
    const value = this.weights.get(module);
    if (value === undefined) throw new RangeError(`the graph has no weight ${module}`);
    return value;
  }

  /** x · Wᵀ (+ bias where the network has one): [rows, in] → [rows, out]. */
  linear(x: Value, module: string): Value {
    const bias = this.weights.get(`${module}.bias`);
    const transB = this.#layouts.get(module)?.transposed === true ? 0 : 1;
    return this.graph.op('Gemm', [x, this.weight(module), ...(bias === undefined ? [] : [bias])], { transB });
  }
}

export class BlockBuilder extends WeightedGraph {
  readonly hidden: Value;
  readonly batch: BatchSize;
  readonly rows: number;
  readonly #taps: Tap[] = [];

  constructor(layouts: WeightLayouts, width: number, batch: BatchSize) {
    super('block', layouts);
    this.batch = batch;
    this.rows = batch.sequences * batch.tokens;
    this.hidden = this.graph.input('hidden', 'float32', [this.rows, width]);
  }

  constant(name: string, dimensions: readonly number[]): Value {
    return this.graph.input(name, 'float32', dimensions);
  }

  /** Marks what the linear layers of `modules` take in, [rows, columns]. @param reached rows, where the run decides */
  tap(name: string, modules: readonly string[], value: Value, columns: number, reached?: Value): void {
    this.#taps.push({ name, modules, value, columns, ...(reached === undefined ? {} : { reached }) });
  }

  finish(out: Value, attention: Value): BlockGraph {
    const { graph, hidden, weights } = this;
    return { graph, hidden, out, weights, taps: this.#taps, attention };
  }
}

/** Layers with the same key share a block. @param make of the first layer that has the key */
export function blockKinds(keyOf: (layer: number) => string, make: (layer: number) => Block): (layer: number) => Block {
  const blocks = new Map<string, Block>();
  return (layer) => {
    const key = keyOf(layer);
    const block = blocks.get(key) ?? make(layer);
    blocks.set(key, block);
    return block;
  };
}
