// Gradients of a small graph: as its rules compute them, and as differences of its outputs.

import { loadRuntime, type Runtime } from '../../../../core/forward/runtime.ts';
import { appendGradients } from '../../../../core/model/graph/gradients/appendGradients.ts';
import { GraphBuilder, type Value } from '../../../../core/model/graph/graphBuilder.ts';
import type { Shape } from '../../../../core/model/graph/shapes.ts';

export interface Input {
  readonly values: Float32Array;
  readonly dimensions: readonly number[];
  /** As the graph is told; `dimensions` by default. */
  readonly declared?: Shape;
}

export interface Case {
  readonly inputs: Readonly<Record<string, Input>>;
  /** Inputs to differentiate with respect to; all by default. */
  readonly wrt?: readonly string[];
  build(graph: GraphBuilder, input: (name: string) => Value): Value;
}

/** ∂(Σ y · c) by input, c being fixed numbers between −1 and 1. */
export interface Compared {
  readonly computed: Readonly<Record<string, Float32Array>>;
  readonly differences: Readonly<Record<string, Float64Array>>;
}

let loading: Promise<Runtime> | undefined;

/**
 * Step of the differences: a power of two, so that the inputs of `steps` move by it exactly. The five-point formula
 * is off by h⁴/30 · f⁽⁵⁾ = 3e-8 f⁽⁵⁾, float32's rounding of y by about 6e-8 · |y| / h = 2e-6 |y| for each element of y.
 */
const STEP = 2 ** -5;

export async function compare({ inputs, wrt = Object.keys(inputs), build }: Case): Promise<Compared> {
  loading ??= loadRuntime(1);
  const runtime = await loading;
  const graph = new GraphBuilder('case');
  const values = new Map(
    Object.entries(inputs).map(([name, { dimensions, declared }]) => [
      name,
      graph.input(name, 'float32', declared ?? dimensions),
    ]),
  );
  const of = (name: string): Value => values.get(name) as Value;
  const y = build(graph, of);
  const shape = graph.shapeOf(y) ?? [];
  graph.output('y', y, shape);
  const forward = await runtime.session(graph.build());
  const feeds = Object.fromEntries(
    Object.entries(inputs).map(([name, input]) => [name, runtime.tensor(input.values, input.dimensions)]),
  );
  const { y: first } = await forward.run(feeds, ['y']);
  const factors = first.map((_, i) => Math.sin(i + 1));

  const upstream = graph.input('upstream', 'float32', shape);
  const found = appendGradients(graph, { value: y, upstream }, wrt.map(of));
  for (const name of wrt) graph.output(`d.${name}`, found.get(of(name)) as Value, inputs[name]?.dimensions ?? []);
  const backward = await runtime.session(graph.build());
  const results = await backward.run(
    { ...feeds, upstream: runtime.tensor(factors, runDimensions(shape, factors.length)) },
    wrt.map((name) => `d.${name}`),
  );
  const computed = Object.fromEntries(wrt.map((name) => [name, results[`d.${name}`] as Float32Array]));

  const scalar = async (name: string, at: number, by: number): Promise<number> => {
    const { values: own, dimensions: shapeOf } = inputs[name] as Input;
    const moved = own.slice();
    moved[at] = (moved[at] ?? 0) + by;
    const run = await forward.run({ ...feeds, [name]: runtime.tensor(moved, shapeOf) }, ['y']);
    return run.y.reduce((sum, value, i) => sum + value * (factors[i] ?? 0), 0);
  };
  const differences: Record<string, Float64Array> = {};
  for (const name of wrt) {
    const length = inputs[name]?.values.length ?? 0;
    const own = new Float64Array(length);
    for (let at = 0; at < length; at++) {
      const near = (await scalar(name, at, STEP)) - (await scalar(name, at, -STEP));
      const far = (await scalar(name, at, 2 * STEP)) - (await scalar(name, at, -2 * STEP));
      own[at] = (8 * near - far) / (12 * STEP);
    }
    differences[name] = own;
  }
  await forward.release();
  await backward.release();
  return { computed, differences };
}

/** Dimensions of y; these cases leave at most one to the run. */
function runDimensions(shape: Shape, length: number): number[] {
  const known = shape.reduce<number>((product, dimension) => product * (dimension ?? 1), 1);
  return shape.map((dimension) => dimension ?? length / known);
}

/** Numbers between `from` and `to` on a grid of 2⁻¹⁰, in an order that repeats nothing. */
export function numbers(dimensions: readonly number[], from = -1, to = 1): Input {
  const count = dimensions.reduce((a, b) => a * b, 1);
  const values = Float32Array.from({ length: count }, (_, i) => {
    const share = (0.37 + (i + 1) * 0.6180339887498949) % 1;
    return Math.round((from + (to - from) * share) * 1024) / 1024;
  });
  return { values, dimensions };
}
