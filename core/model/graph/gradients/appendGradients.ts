// Reverse-mode differentiation over the nodes of a graph under construction: the gradients are more nodes of it
// (Griewank & Walther 2008, "Evaluating Derivatives", chapter 3: vector-Jacobian products from the last node to the first).

import { QuantscopeError } from '../../../base/errors.ts';
import type { GraphBuilder, Node, Value } from '../graphBuilder.ts';
import { RULES } from './registry.ts';
import { type Derivative, zerosLike } from './rule.ts';

/** A value and the gradient of a scalar with respect to it, shaped like it. */
export interface Differentiated {
  readonly value: Value;
  readonly upstream: Value;
}

/**
 * Appends what computes the gradients of a scalar with respect to `wrt` (values of float32; inputs or intermediate ones).
 * @returns each of `wrt` → its gradient, shaped like it; zeros where `value` does not depend on it
 * @throws INTERNAL naming the operation that has no rule, or the value whose shape is needed and unknown
 */
export function appendGradients(
  graph: GraphBuilder,
  { value, upstream }: Differentiated,
  wrt: readonly Value[],
): Map<Value, Value> {
  const nodes = [...graph.nodes];
  const varying = dependents(nodes, wrt);
  const gradients = new Gradients(graph);
  gradients.add(value, upstream);
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((output) => varying.has(output) && gradients.has(output))) continue;
    const rule = RULES[node.type];
    if (rule === undefined) throw new QuantscopeError('INTERNAL', `no gradient rule for the operation ${node.type}`);
    const byInput = rule(derivative(graph, node, gradients));
    node.inputs.forEach((input, index) => {
      const gradient = byInput[index];
      if (varying.has(input) && gradient != null) gradients.add(input, gradient());
    });
  }
  return new Map(wrt.map((input) => [input, gradients.of(input)]));
}

/** Values that change with any of `wrt`. */
function dependents(nodes: readonly Node[], wrt: readonly Value[]): ReadonlySet<Value> {
  const varying = new Set(wrt);
  for (const { inputs, outputs } of nodes) {
    if (!inputs.some((input) => varying.has(input))) continue;
    for (const output of outputs) varying.add(output);
  }
  return varying;
}

function derivative(graph: GraphBuilder, node: Node, gradients: Gradients): Derivative {
  const at = (values: readonly Value[], index: number): Value => {
    const value = values[index];
    if (value === undefined) throw new QuantscopeError('INTERNAL', `${node.type} has no operand ${index}`);
    return value;
  };
  return {
    graph,
    node,
    input: (index) => at(node.inputs, index),
    output: (index = 0) => at(node.outputs, index),
    upstream: (index = 0) => gradients.of(at(node.outputs, index)),
  };
}

/** A value that several nodes take has the sum of what they give. */
class Gradients {
  readonly #graph: GraphBuilder;
  readonly #sums = new Map<Value, Value>();

  constructor(graph: GraphBuilder) {
    this.#graph = graph;
  }

  has(value: Value): boolean {
    return this.#sums.has(value);
  }

  add(value: Value, gradient: Value): void {
    const sum = this.#sums.get(value);
    this.#sums.set(value, sum === undefined ? gradient : this.#graph.op('Add', [sum, gradient]));
  }

  of(value: Value): Value {
    return this.#sums.get(value) ?? zerosLike(this.#graph, value);
  }
}
