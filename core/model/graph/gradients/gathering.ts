// Derivatives of picking and placing: gradients flow through what was picked, never through the choice itself.

import type { GraphBuilder, Value } from '../graphBuilder.ts';
import { type Derivative, knownShape, type Rules, zerosLike } from './rule.ts';

/** Elements picked several times get the sum. */
const ADD = { reduction: 'add' };

export const GATHERING: Rules = {
  Gather: (d) => [() => gatherBack(d), null],

  GatherElements: ({ graph, node, input, upstream }) => [
    () =>
      graph.op('ScatterElements', [zerosLike(graph, input(0)), input(1), upstream()], {
        axis: Number(node.attributes.axis ?? 0),
        ...ADD,
      }),
    null,
  ],

  /** data with updates at some places: those of `data` count only where they are added to. */
  ScatterND: (d) => {
    const { graph, input, upstream } = d;
    return [
      () => (isSum(d) ? upstream() : graph.op('ScatterND', [upstream(), input(1), zerosLike(graph, input(2))])),
      null,
      () => graph.op('GatherND', [upstream(), input(1)]),
    ];
  },

  ScatterElements: (d) => {
    const { graph, node, input, upstream } = d;
    const axis = { axis: Number(node.attributes.axis ?? 0) };
    return [
      () =>
        isSum(d) ? upstream() : graph.op('ScatterElements', [upstream(), input(1), zerosLike(graph, input(2))], axis),
      null,
      () => graph.op('GatherElements', [upstream(), input(1)], axis),
    ];
  },

  /** Through the chosen values; which were chosen does not change with a small step. */
  TopK: ({ graph, node, input, output, upstream }) => [
    () =>
      graph.op('ScatterElements', [zerosLike(graph, input(0)), output(1), upstream()], {
        axis: Number(node.attributes.axis ?? -1),
      }),
    null,
  ],
};

function isSum({ node }: Derivative): boolean {
  return node.attributes.reduction === 'add';
}

/**
 * Adds every row of the gradient to the row it was picked from. onnxruntime's threads add repeated rows at the same time
 * and lose some (measured: every second run of 8,192 rows onto 4), so large gathers must pick rows once, as those of
 * positions and experts do.
 */
function gatherBack({ graph, node, input, upstream }: Derivative): Value {
  const data = input(0);
  const rank = knownShape(graph, data, node).length;
  const picked = knownShape(graph, input(1), node).length;
  const given = Number(node.attributes.axis ?? 0);
  const axis = given < 0 ? given + rank : given;
  const places = graph.op('Unsqueeze', [input(1), graph.integers([-1])]);
  const scatter = (into: Value, rows: Value): Value => graph.op('ScatterND', [into, places, rows], ADD);
  if (axis === 0) return scatter(zerosLike(graph, data), upstream());
  // ScatterND works on leading axes: the picked one goes first and back again.
  const rows = moved(graph, upstream(), rank - 1 + picked, axis, picked);
  const sums = scatter(moved(graph, zerosLike(graph, data), rank, axis, 1), rows);
  const perm = [...counted(axis).map((i) => i + 1), 0, ...counted(rank - axis - 1).map((i) => axis + 1 + i)];
  return graph.op('Transpose', [sums], { perm });
}

/** `count` axes from `axis` on come first. */
function moved(graph: GraphBuilder, value: Value, rank: number, axis: number, count: number): Value {
  const all = counted(rank);
  const perm = [...all.slice(axis, axis + count), ...all.slice(0, axis), ...all.slice(axis + count)];
  return graph.op('Transpose', [value], { perm });
}

function counted(length: number): number[] {
  return Array.from({ length }, (_, index) => index);
}
