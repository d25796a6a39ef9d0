// Adds to a graph under construction, for chosen weights, how much their product changes with a probe in their place.

import { type Replaced, replacedFeeds } from '../forward/blocks.ts';
import type { Feeds, Runtime } from '../forward/runtime.ts';
import type { WeightLayouts } from '../model/forward/family.ts';
import type { Attribute, GraphBuilder, Value } from '../model/graph/graphBuilder.ts';

/** Sums over one row each: squares of what the layer gives, by the whole product and by columns of x alone. */
export const ERROR_SUMS = ['noise', 'power', 'diagonalNoise', 'diagonalPower'] as const;
export type ErrorSum = (typeof ERROR_SUMS)[number];

/** Names of the outputs for a weight, in the order of `ERROR_SUMS`. */
export function outputsOf(module: string): string[] {
  return ERROR_SUMS.map((sum) => outputOf(sum, module));
}

export function outputOf(sum: ErrorSum, module: string): string {
  return `${sum}.${module}`;
}

/**
 * Weights that are in no matrix product (looked-up tables) are left out.
 * @returns modules with outputs; each has an input more, see `probeFeeds`
 */
export function addProductErrors(
  graph: GraphBuilder,
  weights: ReadonlyMap<string, Value>,
  modules: ReadonlySet<string>,
): string[] {
  // Products as they are, before others are added.
  const products = graph.nodes.filter(({ type }) => type === 'Gemm');
  return [...modules].filter((module) => {
    const weight = weights.get(module);
    const product = weight && products.find(({ inputs }) => inputs[1] === weight);
    const [x] = product?.inputs ?? [];
    if (weight === undefined || product === undefined || x === undefined) return false;
    const { attributes, inputs, outputs } = product;
    const multiply = (matrix: Value): Value => graph.op('Gemm', [x, matrix], attributes);
    const probe = graph.input(probeInput(module), 'float32', graph.shapeOf(weight) ?? []);
    const difference = graph.op('Sub', [probe, weight]);
    const [given] = outputs;
    const sums: Record<ErrorSum, Value> = {
      noise: rowSquares(graph, multiply(difference)),
      power: rowSquares(graph, inputs.length === 2 && given !== undefined ? given : multiply(weight)),
      diagonalNoise: weightedSquares(graph, x, difference, attributes),
      diagonalPower: weightedSquares(graph, x, weight, attributes),
    };
    for (const sum of ERROR_SUMS) graph.output(outputOf(sum, module), sums[sum], [null]);
    return true;
  });
}

export function probeFeeds(runtime: Runtime, layouts: WeightLayouts, probes: Replaced): Feeds {
  const feeds = Object.entries(replacedFeeds(runtime, layouts, probes));
  return Object.fromEntries(feeds.map(([module, tensor]) => [probeInput(module), tensor]));
}

function probeInput(module: string): string {
  return `probe.${module}`;
}

function rowSquares(graph: GraphBuilder, value: Value): Value {
  return graph.op('ReduceSumSquare', [value, graph.integers([-1])], { keepdims: 0 });
}

/** Σ_c x_c² ‖W_c‖² of every row, W_c what multiplies x_c. */
function weightedSquares(
  graph: GraphBuilder,
  x: Value,
  matrix: Value,
  { transB }: Readonly<Record<string, Attribute>>,
): Value {
  const outputsAxis = transB === 1 ? 0 : 1;
  const columns = graph.op('ReduceSumSquare', [matrix, graph.integers([outputsAxis])], { keepdims: 0 });
  return graph.op('MatMul', [graph.op('Mul', [x, x]), columns]);
}
