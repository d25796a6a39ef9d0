// What a rule of differentiation sees of one node, and the few building steps that several rules share.

import { QuantscopeError } from '../../../base/errors.ts';
import type { GraphBuilder, Node, Value } from '../graphBuilder.ts';
import type { Shape } from '../shapes.ts';

/** One node with the gradients of its outputs. */
export interface Derivative {
  readonly graph: GraphBuilder;
  readonly node: Node;
  /** @throws INTERNAL for an input the node does not have */
  input(index: number): Value;
  /** @throws INTERNAL for an output the node does not have */
  output(index?: number): Value;
  /** Gradient with respect to an output, shaped like it: zeros where nothing depends on it. */
  upstream(index?: number): Value;
}

/** Appends the gradient with respect to one input, shaped like it. */
export type InputGradient = () => Value;

/** One entry per input; null, or none, where no gradient flows: indices, axes, shapes. */
export type Rule = (derivative: Derivative) => readonly (InputGradient | null)[];

/** By type of node. */
export type Rules = Readonly<Record<string, Rule>>;

export function zerosLike(graph: GraphBuilder, value: Value): Value {
  return graph.op('ConstantOfShape', [graph.op('Shape', [value])]);
}

export function reshapedLike(graph: GraphBuilder, gradient: Value, like: Value): Value {
  // allowzero: an expert that no row chose has a length of 0, which is no "keep".
  return graph.op('Reshape', [gradient, graph.op('Shape', [like])], { allowzero: 1 });
}

/** @throws INTERNAL where the shape of a value is not known while the graph is built */
export function knownShape(graph: GraphBuilder, value: Value, node: Node): Shape {
  const shape = graph.shapeOf(value);
  if (shape !== null) return shape;
  const first = graph.nodes.find(({ outputs }) => outputs.some((output) => graph.shapeOf(output) === null));
  throw new QuantscopeError('INTERNAL', `gradient of ${node.type}: no shape rule for the operation ${first?.type}`);
}

/** Sum over the axes along which an input was repeated to the shape of the node's output. */
export function sumToInput({ graph, node, input, output }: Derivative, index: number, gradient: Value): Value {
  return summed(graph, gradient, knownShape(graph, output(), node), knownShape(graph, input(index), node));
}

/** @param from shape of `value`. @param to shape that broadcast to it */
export function summed(graph: GraphBuilder, value: Value, from: Shape, to: Shape): Value {
  const missing = from.length - to.length;
  const stretched = to.flatMap((length, axis) => (length === 1 && from[axis + missing] !== 1 ? [axis + missing] : []));
  let sum = value;
  if (stretched.length > 0) sum = graph.op('ReduceSum', [sum, graph.integers(stretched)], { keepdims: 1 });
  if (missing === 0) return sum;
  const leading = Array.from({ length: missing }, (_, axis) => axis);
  return graph.op('ReduceSum', [sum, graph.integers(leading)], { keepdims: 0 });
}
