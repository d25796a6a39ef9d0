// Derivatives of operations that only move elements: the gradient moves back.

import type { Value } from '../graphBuilder.ts';
import { type Derivative, type Rule, type Rules, reshapedLike, sumToInput } from './rule.ts';

const back: Rule = ({ graph, input, upstream }) => [() => reshapedLike(graph, upstream(), input(0))];

export const SHAPING: Rules = {
  Reshape: back,
  Squeeze: back,
  Unsqueeze: back,

  Expand: (d) => [() => sumToInput(d, 0, d.upstream())],

  Transpose: ({ graph, node, upstream }) => [
    () => {
      const { perm } = node.attributes;
      // Without a permutation all axes are reversed, which undoes itself.
      if (!Array.isArray(perm)) return graph.op('Transpose', [upstream()]);
      return graph.op('Transpose', [upstream()], { perm: perm.map((_, axis) => perm.indexOf(axis)) });
    },
  ],

  Split: ({ graph, node, upstream }) => [
    () =>
      graph.op(
        'Concat',
        node.outputs.map((_, index) => upstream(index)),
        { axis: Number(node.attributes.axis ?? 0) },
      ),
  ],

  Concat: (d) => {
    let parts: Value[] | undefined;
    return d.node.inputs.map((_, index) => () => {
      parts ??= splitBack(d);
      return parts[index] ?? d.upstream();
    });
  },
};

/** Lengths are taken while running: experts give as many rows as chose them. */
function splitBack({ graph, node, upstream }: Derivative): Value[] {
  const axis = Number(node.attributes.axis);
  const only = axis === -1 ? { start: axis } : { start: axis, end: axis + 1 };
  const lengths = graph.op(
    'Concat',
    node.inputs.map((input) => graph.op('Shape', [input], only)),
    { axis: 0 },
  );
  return graph.several('Split', [upstream(), lengths], node.inputs.length, { axis });
}
