// Derivatives of matrix products: dA = dY · Bᵀ, dB = Aᵀ · dY.

import { QuantscopeError } from '../../../base/errors.ts';
import type { GraphBuilder, Value } from '../graphBuilder.ts';
import type { Dimension, Shape } from '../shapes.ts';
import { type Derivative, knownShape, type Rules, summed, sumToInput } from './rule.ts';

export const MATRIX: Rules = {
  /** Batches of matrices: leading axes broadcast, and are summed where they did. */
  MatMul: (d) => {
    const { graph } = d;
    const [a, b, dy] = [d.input(0), d.input(1), d.upstream()];
    const [ofA, ofB] = [matrices(d, 0), matrices(d, 1)];
    const lead = matrices(d, null).slice(0, -2);
    return [
      () => summed(graph, graph.op('MatMul', [dy, transposed(graph, b, ofB.length)]), withLead(lead, ofA), ofA),
      () => summed(graph, graph.op('MatMul', [transposed(graph, a, ofA.length), dy]), withLead(lead, ofB), ofB),
    ];
  },

  /** Y = A′ · B′ + C, A′ and B′ transposed where asked. */
  Gemm: (d) => {
    const { transA = 0, transB = 0, alpha, beta } = d.node.attributes;
    if (alpha !== undefined || beta !== undefined)
      throw new QuantscopeError('INTERNAL', 'no gradient rule for Gemm with factors');
    const [a, b, dy] = [d.input(0), d.input(1), d.upstream()];
    const product = (x: Value, y: Value, xTurned: boolean, yTurned: boolean): Value =>
      d.graph.op('Gemm', [x, y], { ...(xTurned ? { transA: 1 } : {}), ...(yTurned ? { transB: 1 } : {}) });
    const [aTurned, bTurned] = [transA === 1, transB === 1];
    return [
      () => (aTurned ? product(b, dy, bTurned, true) : product(dy, b, false, !bTurned)),
      () => (bTurned ? product(dy, a, true, aTurned) : product(a, dy, !aTurned, false)),
      () => sumToInput(d, 2, dy),
    ];
  },
};

/** Shape of an operand, or (null) of the product. @throws INTERNAL for vectors */
function matrices({ graph, node, input, output }: Derivative, index: number | null): Shape {
  const shape = knownShape(graph, index === null ? output() : input(index), node);
  if (shape.length < 2) throw new QuantscopeError('INTERNAL', 'no gradient rule for MatMul of vectors');
  return shape;
}

function withLead(lead: Shape, shape: Shape): Dimension[] {
  return [...lead, ...shape.slice(-2)];
}

function transposed(graph: GraphBuilder, value: Value, rank: number): Value {
  const perm = Array.from({ length: rank }, (_, axis) => axis);
  perm.splice(-2, 2, rank - 1, rank - 2);
  return graph.op('Transpose', [value], { perm });
}
