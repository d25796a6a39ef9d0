// Normalization over the last axis.

import type { GraphBuilder, Value } from '../graph/graphBuilder.ts';
import type { WeightedGraph } from './blockBuilder.ts';

/** Normalizes x by the weights a network has under a module's name. */
export type Norm = (builder: WeightedGraph, x: Value, module: string) => Value;

export function rmsNorms(epsilon: number): Norm {
  return (builder, x, module) => rmsNorm(builder.graph, x, builder.weight(module), epsilon);
}

export function layerNorms(epsilon: number): Norm {
  return (builder, x, module) => layerNorm(builder, x, module, epsilon);
}

/** x / √(mean(x²) + ε) · w (Zhang & Sennrich 2019, arXiv 1910.07467, eq. 4). */
export function rmsNorm(graph: GraphBuilder, x: Value, weight: Value, epsilon: number): Value {
  return graph.op('Mul', [graph.op('Div', [x, rootMeanSquare(graph, x, epsilon)]), weight]);
}

/** (x − mean) / √(variance + ε) · w + b (Ba et al. 2016, arXiv 1607.06450), with the weight and bias the network has under `module`. */
export function layerNorm(builder: WeightedGraph, x: Value, module: string, epsilon: number): Value {
  const { graph } = builder;
  const mean = graph.op('ReduceMean', [x, graph.integers([-1])], { keepdims: 1 });
  const centred = graph.op('Sub', [x, mean]);
  const scaled = graph.op('Div', [centred, rootMeanSquare(graph, centred, epsilon)]);
  const [weight, bias] = [builder.weights.get(module), builder.weights.get(`${module}.bias`)];
  const weighted = weight === undefined ? scaled : graph.op('Mul', [scaled, weight]);
  return bias === undefined ? weighted : graph.op('Add', [weighted, bias]);
}

function rootMeanSquare(graph: GraphBuilder, x: Value, epsilon: number): Value {
  const square = graph.op('ReduceMean', [graph.op('Mul', [x, x]), graph.integers([-1])], { keepdims: 1 });
  return graph.op('Sqrt', [graph.op('Add', [square, graph.scalar(epsilon)])]);
}
