// Shapes told while a graph is built against those its run gives.

import { describe, expect, test } from 'vitest';
import { loadRuntime } from '../../../../core/forward/runtime.ts';
import { GraphBuilder, type Value } from '../../../../core/model/graph/graphBuilder.ts';
import type { Shape } from '../../../../core/model/graph/shapes.ts';

const FLOAT = 1;

type Build = (graph: GraphBuilder, x: Value) => Value;
const op =
  (type: string, more: (graph: GraphBuilder) => Value[], attributes: Parameters<GraphBuilder['op']>[2] = {}): Build =>
  (graph, x) =>
    graph.op(type, [x, ...more(graph)], attributes);
const integers =
  (...values: number[]) =>
  (graph: GraphBuilder): Value[] => [graph.integers(values)];

/** Of an input [2, 3, 4]. */
const CASES: readonly [name: string, expected: Shape, build: Build][] = [
  ['same', [2, 3, 4], op('Tanh', () => [])],
  [
    'broadcast up',
    [5, 2, 3, 4],
    op('Add', (graph) => [graph.op('Expand', [graph.scalar(1), graph.integers([5, 1, 1, 1])])]),
  ],
  ['broadcast down', [2, 3, 4], op('Mul', (graph) => [graph.scalar(2)])],
  ['MatMul', [2, 3, 3], (graph, x) => graph.op('MatMul', [x, graph.op('Transpose', [x], { perm: [0, 2, 1] })])],
  [
    'Gemm',
    [6, 6],
    (graph, x) => {
      const rows = graph.op('Reshape', [x, graph.integers([-1, 4])]);
      return graph.op('Gemm', [rows, rows], { transB: 1 });
    },
  ],
  [
    'Gemm of a transposed',
    [4, 4],
    (graph, x) => {
      const rows = graph.op('Reshape', [x, graph.integers([6, 4])]);
      return graph.op('Gemm', [rows, rows], { transA: 1 });
    },
  ],
  ['ReduceMean kept', [2, 1, 4], op('ReduceMean', integers(1), { keepdims: 1 })],
  ['ReduceSum gone', [3], op('ReduceSum', integers(0, -1), { keepdims: 0 })],
  ['ReduceSum of all', [], op('ReduceSum', () => [], { keepdims: 0 })],
  ['Reshape', [2, 12], op('Reshape', integers(0, -1))],
  ['Transpose', [4, 2, 3], op('Transpose', () => [], { perm: [2, 0, 1] })],
  ['Transpose of all', [4, 3, 2], op('Transpose', () => [])],
  ['Split', [2, 3, 1], (graph, x) => graph.split(x, -1, [3, 1])[1]],
  ['Concat', [2, 6, 4], (graph, x) => graph.op('Concat', [x, x], { axis: 1 })],
  ['Unsqueeze', [2, 1, 3, 4, 1], op('Unsqueeze', integers(1, -1))],
  ['Squeeze', [3, 4], (graph, x) => graph.op('Squeeze', [graph.split(x, 0, [1, 1])[0], graph.integers([0])])],
  ['Expand', [5, 2, 3, 4], op('Expand', integers(5, 1, 3, 1))],
  ['Gather', [2, 2, 4], op('Gather', integers(2, 0), { axis: 1 })],
  ['TopK', [2, 3, 2], (graph, x) => graph.several('TopK', [x, graph.integers([2])], 2, { axis: -1 })[0] as Value],
  ['Softmax', [2, 3, 4], op('Softmax', () => [], { axis: -1 })],
  [
    'what only the run tells',
    [3, null],
    (graph, x) => {
      const found = graph.op('NonZero', [graph.op('Greater', [x, graph.scalar(0)])]);
      return graph.op('Cast', [found], { to: FLOAT });
    },
  ],
  [
    'beside what only the run tells',
    [null, 3, 4],
    (graph, x) => {
      const chosen = graph.op('NonZero', [
        graph.op('Greater', [graph.op('ReduceSum', [x, graph.integers([1, 2])], { keepdims: 0 }), graph.scalar(0)]),
      ]);
      return graph.op('Mul', [
        graph.op('Gather', [x, graph.op('Squeeze', [chosen, graph.integers([0])])]),
        graph.scalar(2),
      ]);
    },
  ],
];

describe('shapes', () => {
  test.each(CASES)('%s', async (_name, expected, build) => {
    const graph = new GraphBuilder('shape');
    const value = build(graph, graph.input('x', 'float32', [2, 3, 4]));
    expect(graph.shapeOf(value)).toEqual(expected);
    graph.output('y', graph.op('Cast', [graph.op('Shape', [value])], { to: FLOAT }), [expected.length]);
    const runtime = await loadRuntime(1);
    const session = await runtime.session(graph.build());
    const x = Float32Array.from({ length: 24 }, (_, i) => (i % 5 === 0 ? 1 : -0.1));
    const { y } = await session.run({ x: runtime.tensor(x, [2, 3, 4]) }, ['y']);
    await session.release();
    expect([...y].map((length, axis) => (expected[axis] === null ? null : length))).toEqual(expected);
  });

  test('unknown operations, and what follows from them, have none', () => {
    const graph = new GraphBuilder('unknown');
    const value = graph.op('Det', [graph.input('x', 'float32', [2, 3, 3])]);
    expect(graph.shapeOf(value)).toBeNull();
    expect(graph.shapeOf(graph.op('Tanh', [value]))).toBeNull();
  });
});
