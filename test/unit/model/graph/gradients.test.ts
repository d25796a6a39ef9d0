// Every rule of differentiation against differences of what the operation gives.

import { describe, expect, test } from 'vitest';
import { appendGradients } from '../../../../core/model/graph/gradients/appendGradients.ts';
import { FLAT, RULES } from '../../../../core/model/graph/gradients/registry.ts';
import { GraphBuilder, type Value } from '../../../../core/model/graph/graphBuilder.ts';
import { type Case, compare, numbers } from './differences.ts';

const FLOAT = 1;
const op =
  (type: string, attributes: Parameters<GraphBuilder['op']>[2] = {}): Case['build'] =>
  (graph, input) =>
    graph.op(type, [input('a'), input('b')], attributes);
const unary =
  (type: string, attributes: Parameters<GraphBuilder['op']>[2] = {}): Case['build'] =>
  (graph, input) =>
    graph.op(type, [input('a')], attributes);
const reduction =
  (type: string, axes: readonly number[] | null, keepdims: number): Case['build'] =>
  (graph, input) =>
    graph.op(type, axes === null ? [input('a')] : [input('a'), graph.integers(axes)], { keepdims });
const shaped =
  (type: string, argument: readonly number[], attributes: Parameters<GraphBuilder['op']>[2] = {}): Case['build'] =>
  (graph, input) =>
    graph.op(type, [input('a'), graph.integers(argument)], attributes);
/** int64 constants of more than one dimension. */
const indices = (graph: GraphBuilder, values: readonly number[], dimensions: readonly number[]): Value =>
  graph.op('Reshape', [graph.integers(values), graph.integers(dimensions)]);
const pair = (a: readonly number[], b: readonly number[]) => ({ a: numbers(a), b: numbers(b) });

const CASES: Readonly<Record<string, readonly Case[]>> = {
  Add: [
    { inputs: pair([2, 3], [2, 3]), build: op('Add') },
    { inputs: pair([2, 3], [3]), build: op('Add') },
    { inputs: pair([4, 1, 2], [3, 1]), build: op('Add') },
    { inputs: pair([], [2, 2]), build: op('Add') },
  ],
  Sub: [
    { inputs: pair([2, 3], [3]), build: op('Sub') },
    { inputs: pair([1, 3], [2, 1]), build: op('Sub') },
  ],
  Mul: [
    { inputs: pair([2, 3], [2, 3]), build: op('Mul') },
    { inputs: pair([2, 1, 3], [4, 1]), build: op('Mul') },
    { inputs: { a: numbers([2, 3]) }, build: (graph, input) => graph.op('Mul', [input('a'), input('a')]) },
  ],
  Div: [
    { inputs: { a: numbers([2, 3]), b: numbers([2, 1], 1, 2) }, build: op('Div') },
    { inputs: { a: numbers([3]), b: numbers([2, 3], -2, -1) }, build: op('Div') },
  ],
  Pow: [
    { inputs: { a: numbers([2, 3]) }, build: (graph, input) => graph.op('Pow', [input('a'), graph.scalar(3)]) },
    {
      inputs: { a: numbers([5], 0.5, 2) },
      build: (graph, input) => graph.op('Pow', [input('a'), graph.scalar(-0.5)]),
    },
  ],
  Where: [
    {
      inputs: { a: numbers([2, 3]), b: numbers([3]), c: numbers([2, 3]) },
      wrt: ['a', 'b'],
      build: (graph, input) =>
        graph.op('Where', [graph.op('Greater', [input('c'), graph.scalar(0)]), input('a'), input('b')]),
    },
  ],
  Identity: [{ inputs: { a: numbers([3]) }, build: unary('Identity') }],
  Cast: [{ inputs: { a: numbers([3]) }, build: unary('Cast', { to: FLOAT }) }],
  Neg: [{ inputs: { a: numbers([3]) }, build: unary('Neg') }],
  Exp: [{ inputs: { a: numbers([3]) }, build: unary('Exp') }],
  Sqrt: [{ inputs: { a: numbers([4], 1, 2) }, build: unary('Sqrt') }],
  Sigmoid: [{ inputs: { a: numbers([4], -3, 3) }, build: unary('Sigmoid') }],
  Tanh: [{ inputs: { a: numbers([4], -2, 2) }, build: unary('Tanh') }],
  Erf: [{ inputs: { a: numbers([4], -2, 2) }, build: unary('Erf') }],
  // No number is nearer to 0 than two steps.
  Relu: [{ inputs: { a: numbers([2]), b: numbers([3], 0.1, 1) }, wrt: ['b'], build: reluOfBothSigns }],
  MatMul: [
    { inputs: pair([2, 3], [3, 4]), build: op('MatMul') },
    { inputs: pair([2, 2, 1, 3], [2, 2, 3, 2]), build: op('MatMul') },
    { inputs: pair([2, 2, 3], [3, 2]), build: op('MatMul') },
    { inputs: pair([2, 1, 2, 3], [3, 3, 1]), build: op('MatMul') },
  ],
  Gemm: [
    { inputs: { ...pair([2, 3], [3, 4]), c: numbers([4]) }, build: gemm({}) },
    { inputs: { ...pair([3, 2], [3, 4]), c: numbers([2, 4]) }, build: gemm({ transA: 1 }) },
    { inputs: { ...pair([2, 3], [4, 3]), c: numbers([4]) }, build: gemm({ transB: 1 }) },
    { inputs: { ...pair([3, 2], [4, 3]), c: numbers([2, 1]) }, build: gemm({ transA: 1, transB: 1 }) },
    { inputs: pair([2, 3], [4, 3]), build: op('Gemm', { transB: 1 }) },
  ],
  ReduceSum: [
    { inputs: { a: numbers([2, 3, 2]) }, build: reduction('ReduceSum', [1], 0) },
    { inputs: { a: numbers([2, 3, 2]) }, build: reduction('ReduceSum', [0, -1], 1) },
    { inputs: { a: numbers([2, 3]) }, build: reduction('ReduceSum', null, 0) },
  ],
  ReduceMean: [
    { inputs: { a: numbers([2, 5]) }, build: reduction('ReduceMean', [-1], 1) },
    { inputs: { a: numbers([2, 3, 2]) }, build: reduction('ReduceMean', [0, 1], 0) },
  ],
  Softmax: [
    { inputs: { a: numbers([2, 4]) }, build: unary('Softmax', { axis: -1 }) },
    { inputs: { a: numbers([3, 2]) }, build: unary('Softmax', { axis: 0 }) },
  ],
  LogSoftmax: [{ inputs: { a: numbers([2, 4]) }, build: unary('LogSoftmax') }],
  Reshape: [{ inputs: { a: numbers([2, 6]) }, build: shaped('Reshape', [3, 2, -1]) }],
  Squeeze: [{ inputs: { a: numbers([2, 1, 3]) }, build: shaped('Squeeze', [1]) }],
  Unsqueeze: [{ inputs: { a: numbers([2, 3]) }, build: shaped('Unsqueeze', [0, -1]) }],
  Transpose: [
    { inputs: { a: numbers([2, 3, 4]) }, build: unary('Transpose', { perm: [1, 2, 0] }) },
    { inputs: { a: numbers([2, 3]) }, build: unary('Transpose') },
  ],
  Split: [
    { inputs: { a: numbers([2, 5]) }, build: splitAndJoined(2) },
    // One part without a use: its gradient is zeros.
    { inputs: { a: numbers([2, 5]) }, build: (graph, input) => graph.split(input('a'), -1, [2, 3])[1] as Value },
  ],
  Concat: [
    { inputs: pair([2, 3], [2, 1]), build: op('Concat', { axis: -1 }) },
    { inputs: pair([1, 2], [3, 2]), build: op('Concat', { axis: 0 }) },
  ],
  Expand: [{ inputs: { a: numbers([2, 1]) }, build: expanded }],
  Gather: [
    { inputs: { a: numbers([4, 2]) }, build: picked([3, 1, 3], [3], 0) },
    { inputs: { a: numbers([2, 4, 2]) }, build: picked([2, 0, 2, 1], [2, 2], 1) },
    { inputs: { a: numbers([2, 4]) }, build: picked([1], [], -1) },
  ],
  GatherElements: [
    {
      inputs: { a: numbers([2, 4]) },
      build: (graph, input) =>
        graph.op('GatherElements', [input('a'), indices(graph, [1, 1, 3, 0], [2, 2])], { axis: 1 }),
    },
  ],
  ScatterND: [
    { inputs: pair([4, 2], [3, 2]), build: placed('ScatterND', [2, 0, 2], [3, 1], { reduction: 'add' }) },
    { inputs: pair([4, 2], [2, 2]), build: placed('ScatterND', [3, 1], [2, 1], {}) },
  ],
  ScatterElements: [
    {
      inputs: pair([2, 3], [2, 2]),
      build: placed('ScatterElements', [1, 1, 0, 2], [2, 2], { axis: 1, reduction: 'add' }),
    },
    { inputs: pair([2, 3], [2, 2]), build: placed('ScatterElements', [1, 2, 0, 2], [2, 2], { axis: 1 }) },
  ],
  TopK: [
    {
      // Further apart than four steps, so that no choice changes.
      inputs: { a: { values: Float32Array.of(0.5, -0.25, 1, 0.75, 0, 0.25, -1, 0.5), dimensions: [2, 4] } },
      build: (graph, input) =>
        graph.several('TopK', [input('a'), graph.integers([2])], 2, { axis: -1, largest: 1, sorted: 1 })[0] as Value,
    },
  ],
};

function reluOfBothSigns(graph: GraphBuilder, input: (name: string) => Value): Value {
  const both = graph.op('Concat', [input('b'), graph.op('Neg', [input('b')])], { axis: 0 });
  return graph.op('Relu', [both]);
}

function gemm(attributes: Readonly<Record<string, number>>): Case['build'] {
  return (graph, input) => graph.op('Gemm', [input('a'), input('b'), input('c')], attributes);
}

function splitAndJoined(size: number): Case['build'] {
  return (graph, input) => {
    const [left, right] = graph.split(input('a'), 1, [size, 5 - size]) as [Value, Value];
    return graph.op('Concat', [right, graph.op('Mul', [left, left])], { axis: 1 });
  };
}

function expanded(graph: GraphBuilder, input: (name: string) => Value): Value {
  return graph.op('Expand', [input('a'), graph.integers([3, 2, 4])]);
}

function picked(at: readonly number[], dimensions: readonly number[], axis: number): Case['build'] {
  return (graph, input) => graph.op('Gather', [input('a'), indices(graph, at, dimensions)], { axis });
}

function placed(
  type: string,
  at: readonly number[],
  dimensions: readonly number[],
  attributes: Parameters<GraphBuilder['op']>[2],
): Case['build'] {
  return (graph, input) => graph.op(type, [input('a'), indices(graph, at, dimensions), input('b')], attributes);
}

/** Far above the differences' own error (see STEP), far below a wrong factor. */
const BOUND = 1e-4;

async function check(example: Case): Promise<void> {
  const { computed, differences } = await compare(example);
  for (const [name, expected] of Object.entries(differences)) {
    const found = computed[name];
    expect(found).toHaveLength(expected.length);
    expected.forEach((value, i) => {
      expect(Math.abs((found?.[i] ?? Number.NaN) - value), `${name}[${i}]`).toBeLessThan(
        BOUND * Math.max(1, Math.abs(value)),
      );
    });
  }
}

describe('each rule is the derivative', () => {
  for (const [type, examples] of Object.entries(CASES))
    test.each(examples.map((example) => [shapesOf(example), example] as const))(`${type} %s`, (_shapes, example) =>
      check(example),
    );

  test('every rule of a smooth operation has a case', () => {
    const tested = new Set([...Object.keys(CASES), ...FLAT]);
    expect(Object.keys(RULES).filter((type) => !tested.has(type))).toEqual([]);
  });
});

describe('paths', () => {
  test('several ways to the result add up', () =>
    check({
      inputs: { a: numbers([3]), b: numbers([3]) },
      build(graph, input) {
        const product = graph.op('Mul', [input('a'), input('b')]);
        return graph.op('Add', [graph.op('Tanh', [product]), graph.op('Sub', [product, input('a')])]);
      },
    }));

  test('an input that does not matter has zeros', async () => {
    const { computed } = await compare({
      inputs: { a: numbers([3]), b: numbers([2, 2]) },
      build: (graph, input) => graph.op('Tanh', [input('a')]),
    });
    expect([...(computed.b ?? [])]).toEqual([0, 0, 0, 0]);
  });

  test('values on the way have gradients too', async () => {
    const graph = new GraphBuilder('on the way');
    const a = graph.input('a', 'float32', [3]);
    const middle = graph.op('Exp', [a]);
    const y = graph.op('Mul', [middle, middle]);
    const upstream = graph.input('upstream', 'float32', [3]);
    const found = appendGradients(graph, { value: y, upstream }, [a, middle]);
    expect(new Set(found.keys())).toEqual(new Set([a, middle]));
    const nodes = graph.nodes.map(({ type }) => type);
    // exp, y | two products, their sum | dy · exp: the sum at `middle` is made once.
    expect(nodes).toEqual(['Exp', 'Mul', 'Mul', 'Mul', 'Add', 'Mul']);
  });

  test('rows that only the run counts, none of them included', async () => {
    const routed = (rows: number): Case => ({
      inputs: {
        a: numbers([4, 3]),
        w: numbers([2, 3]),
        bias: numbers([2]),
        share: { values: Float32Array.from({ length: 4 }, (_, i) => (i < rows ? 1 + i / 4 : -1)), dimensions: [4, 1] },
      },
      wrt: ['a', 'w', 'bias'],
      build(graph, input) {
        const flat = graph.op('Squeeze', [input('share'), graph.integers([1])]);
        const chosen = graph.op('NonZero', [graph.op('Greater', [flat, graph.scalar(0)])]);
        const at = graph.op('Squeeze', [chosen, graph.integers([0])]);
        const own = graph.op('Gather', [input('a'), at]);
        const inner = graph.op('Tanh', [graph.op('Gemm', [own, input('w'), input('bias')], { transB: 1 })]);
        const weighed = graph.op('Mul', [inner, graph.op('Gather', [input('share'), at])]);
        const zeros = graph.op('Expand', [graph.scalar(0), graph.integers([4, 2])]);
        return graph.op('ScatterND', [zeros, graph.op('Unsqueeze', [at, graph.integers([1])]), weighed], {
          reduction: 'add',
        });
      },
    });
    await check(routed(3));
    await check(routed(0));
  });

  test('an operation without a rule is named', () => {
    const graph = new GraphBuilder('unknown');
    const a = graph.input('a', 'float32', [3]);
    const y = graph.op('Det', [a]);
    expect(() => appendGradients(graph, { value: y, upstream: a }, [a])).toThrowError(
      expect.objectContaining({ code: 'INTERNAL', message: expect.stringContaining('Det') }),
    );
  });

  test('what stands beside the way needs no rule', () => {
    const graph = new GraphBuilder('beside');
    const a = graph.input('a', 'float32', [3]);
    graph.op('Det', [a]);
    const y = graph.op('Tanh', [a]);
    expect(appendGradients(graph, { value: y, upstream: a }, [a]).size).toBe(1);
  });

  test('a shape that is needed and unknown is named by what made it', () => {
    const graph = new GraphBuilder('unknown shape');
    const a = graph.input('a', 'float32', [3]);
    const y = graph.op('Mul', [a, graph.op('Det', [a])]);
    expect(() => appendGradients(graph, { value: y, upstream: a }, [a])).toThrowError(
      expect.objectContaining({ code: 'INTERNAL', message: expect.stringContaining('Det') }),
    );
  });
});

function shapesOf({ inputs }: Case): string {
  return Object.values(inputs)
    .map(({ dimensions }) => `[${dimensions.join(', ')}]`)
    .join(' ');
}
