// Derivatives of what runs along axes: sums, means, softmax.

import type { Value } from '../graphBuilder.ts';
import type { Derivative, Rules } from './rule.ts';

/** ONNX TensorProto.DataType FLOAT. */
const FLOAT = 1;

export const REDUCTIONS: Rules = {
  ReduceSum: (d) => [() => repeated(d, d.upstream())],

  ReduceMean: (d) => [
    () => {
      const { graph } = d;
      const size = (value: Value): Value => graph.op('Cast', [graph.op('Size', [value])], { to: FLOAT });
      const share = graph.op('Div', [size(d.output()), size(d.input(0))]);
      return repeated(d, graph.op('Mul', [d.upstream(), share]));
    },
  ],

  /** y · (dy − Σ dy · y) */
  Softmax: (d) => [
    () => {
      const { graph } = d;
      const [y, dy] = [d.output(), d.upstream()];
      return graph.op('Mul', [y, graph.op('Sub', [dy, alongAxis(d, graph.op('Mul', [dy, y]))])]);
    },
  ],

  /** dy − softmax · Σ dy */
  LogSoftmax: (d) => [
    () => {
      const { graph } = d;
      const dy = d.upstream();
      const probabilities = graph.op('Exp', [d.output()]);
      return graph.op('Sub', [dy, graph.op('Mul', [probabilities, alongAxis(d, dy)])]);
    },
  ],
};

/** Sum over the axis of a softmax, kept with length 1. */
function alongAxis({ graph, node }: Derivative, value: Value): Value {
  const { axis = -1 } = node.attributes;
  return graph.op('ReduceSum', [value, graph.integers([Number(axis)])], { keepdims: 1 });
}

/** A reduced gradient at every place it was reduced from. */
function repeated({ graph, node, input }: Derivative, gradient: Value): Value {
  const axes = node.inputs[1];
  // Without axes everything was reduced to one element, which expands as it is.
  const aligned =
    node.attributes.keepdims === 0 && axes !== undefined ? graph.op('Unsqueeze', [gradient, axes]) : gradient;
  return graph.op('Expand', [aligned, graph.op('Shape', [input(0)])]);
}
