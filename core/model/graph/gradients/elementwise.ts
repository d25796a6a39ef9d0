// Derivatives of operations on single elements; y is the output, dy its gradient. Broadcast operands get sums.

import { QuantscopeError } from '../../../base/errors.ts';
import type { Value } from '../graphBuilder.ts';
import { type Derivative, type Rule, type Rules, sumToInput } from './rule.ts';

/** ONNX TensorProto.DataType FLOAT. */
const FLOAT = 1;

export const ELEMENTWISE: Rules = {
  Add: (d) => [() => sumToInput(d, 0, d.upstream()), () => sumToInput(d, 1, d.upstream())],

  Sub: (d) => [() => sumToInput(d, 0, d.upstream()), () => d.graph.op('Neg', [sumToInput(d, 1, d.upstream())])],

  Mul: (d) => [
    () => sumToInput(d, 0, d.graph.op('Mul', [d.upstream(), d.input(1)])),
    () => sumToInput(d, 1, d.graph.op('Mul', [d.upstream(), d.input(0)])),
  ],

  /** ∂(a/b)/∂b = −y / b */
  Div: (d) => [
    () => sumToInput(d, 0, d.graph.op('Div', [d.upstream(), d.input(1)])),
    () => {
      const scaled = d.graph.op('Div', [d.graph.op('Mul', [d.upstream(), d.output()]), d.input(1)]);
      return d.graph.op('Neg', [sumToInput(d, 1, scaled)]);
    },
  ],

  /** c · x^(c − 1) for a constant exponent. */
  Pow: (d) => [
    () => {
      const exponent = d.input(1);
      const lower = d.graph.op('Pow', [d.input(0), d.graph.op('Sub', [exponent, d.graph.scalar(1)])]);
      return sumToInput(d, 0, d.graph.op('Mul', [d.upstream(), d.graph.op('Mul', [exponent, lower])]));
    },
    () => {
      throw new QuantscopeError('INTERNAL', 'no gradient rule for the exponent of Pow');
    },
  ],

  Where: (d) => {
    const [condition, dy] = [d.input(0), d.upstream()];
    const zero = d.graph.scalar(0);
    return [
      null,
      () => sumToInput(d, 1, d.graph.op('Where', [condition, dy, zero])),
      () => sumToInput(d, 2, d.graph.op('Where', [condition, zero, dy])),
    ];
  },

  Identity: (d) => [() => d.upstream()],

  /** Whole numbers and truth values are steps. */
  Cast: (d) => (d.node.attributes.to === FLOAT ? [() => d.upstream()] : []),

  Neg: (d) => [() => d.graph.op('Neg', [d.upstream()])],

  Exp: times((d) => d.output()),

  /** 1 / (2y) */
  Sqrt: times(({ graph, output }) => graph.op('Div', [graph.scalar(0.5), output()])),

  /** y · (1 − y) */
  Sigmoid: times(({ graph, output }) => {
    const y = output();
    return graph.op('Mul', [y, graph.op('Sub', [graph.scalar(1), y])]);
  }),

  /** 1 − y² */
  Tanh: times(({ graph, output }) => {
    const y = output();
    return graph.op('Sub', [graph.scalar(1), graph.op('Mul', [y, y])]);
  }),

  /** 2 / √π · exp(−x²) */
  Erf: times(({ graph, input }) => {
    const x = input(0);
    const bell = graph.op('Exp', [graph.op('Neg', [graph.op('Mul', [x, x])])]);
    return graph.op('Mul', [bell, graph.scalar(2 / Math.sqrt(Math.PI))]);
  }),

  /** 0 at 0, as everybody takes it. */
  Relu: (d) => [
    () => {
      const above = d.graph.op('Greater', [d.output(), d.graph.scalar(0)]);
      return d.graph.op('Where', [above, d.upstream(), d.graph.scalar(0)]);
    },
  ],
};

/** dx = dy · derivative */
function times(derivativeOf: (d: Derivative) => Value): Rule {
  return (d) => [() => d.graph.op('Mul', [d.upstream(), derivativeOf(d)])];
}
