// One decoder block as an ONNX graph: attention with rotary positions and grouped heads, then a gated feed-forward
// (Touvron et al. 2023, arXiv 2302.13971; Ainslie et al. 2023, arXiv 2305.13245 for grouped heads).

import { GraphBuilder, type Value } from '../graph/graphBuilder.ts';
import type { BatchSize, BlockGraph, Tap } from './blockGraph.ts';
import { blockWeights, type DecoderShape } from './decoderShape.ts';

/**
 * Inputs: `hidden` [sequences · tokens, width], `cos` and `sin` [tokens, headWidth / 2], `mask` [tokens, tokens] added to
 * the scores, and the weights of `blockWeights`. Has no outputs yet.
 */
export function decoderBlock(shape: DecoderShape, { sequences, tokens }: BatchSize): BlockGraph {
  const { width, heads, keyValueHeads, headWidth, feedForward } = shape;
  const rows = sequences * tokens;
  const graph = new GraphBuilder('decoder block');
  const hidden = graph.input('hidden', 'float32', [rows, width]);
  const cos = graph.input('cos', 'float32', [tokens, headWidth / 2]);
  const sin = graph.input('sin', 'float32', [tokens, headWidth / 2]);
  const mask = graph.input('mask', 'float32', [tokens, tokens]);
  const weights = new Map(
    Object.entries(blockWeights(shape)).map(([name, dimensions]) => [name, graph.input(name, 'float32', dimensions)]),
  );
  const weight = (name: string): Value => {
    const value = weights.get(name);
    if (value === undefined) throw new RangeError(`no weight ${name}`);
    return value;
  };
  const linear = (x: Value, name: string): Value => {
    const bias = weights.get(`${name}.bias`);
    return graph.op('Gemm', bias === undefined ? [x, weight(name)] : [x, weight(name), bias], { transB: 1 });
  };
  /** [rows, n · headWidth] → [sequences, n, tokens, headWidth], normalized and rotated where asked. */
  const split = (x: Value, n: number, norm: string | null, rotated: boolean): Value => {
    let value = graph.op('Reshape', [x, graph.integers([sequences, tokens, n, headWidth])]);
    if (norm !== null && shape.headNorms) value = rmsNorm(graph, value, weight(norm), shape.normEpsilon);
    value = graph.op('Transpose', [value], { perm: [0, 2, 1, 3] });
    return rotated ? rotate(graph, shape, value, [sequences, n, tokens], cos, sin) : value;
  };

  const taps: Tap[] = [];
  const tap = (name: string, modules: readonly string[], value: Value, columns: number): void => {
    taps.push({ name, modules, value, columns });
  };

  const normed = rmsNorm(graph, hidden, weight('attn_norm'), shape.normEpsilon);
  tap('attn_in', ['q', 'k', 'v'], normed, width);
  const group = heads / keyValueHeads;
  const queries = graph.op('Reshape', [
    split(linear(normed, 'q'), heads, 'q_norm', true),
    graph.integers([sequences, keyValueHeads, group * tokens, headWidth]),
  ]);
  const keys = split(linear(normed, 'k'), keyValueHeads, 'k_norm', true);
  const values = split(linear(normed, 'v'), keyValueHeads, null, false);
  const scores = graph.op('Mul', [
    graph.op('MatMul', [queries, graph.op('Transpose', [keys], { perm: [0, 1, 3, 2] })]),
    graph.scalar(1 / Math.sqrt(headWidth)),
  ]);
  const byHead = graph.op('Reshape', [scores, graph.integers([sequences, keyValueHeads, group, tokens, tokens])]);
  const attention = graph.op('Softmax', [graph.op('Add', [byHead, mask])], { axis: -1 });
  const mixed = graph.op('MatMul', [
    graph.op('Reshape', [attention, graph.integers([sequences, keyValueHeads, group * tokens, tokens])]),
    values,
  ]);
  const joined = graph.op('Reshape', [
    graph.op('Transpose', [graph.op('Reshape', [mixed, graph.integers([sequences, heads, tokens, headWidth])])], {
      perm: [0, 2, 1, 3],
    }),
    graph.integers([rows, heads * headWidth]),
  ]);
  tap('o_in', ['o'], joined, heads * headWidth);
  const attended = graph.op('Add', [hidden, linear(joined, 'o')]);

  const inner = rmsNorm(graph, attended, weight('ffn_norm'), shape.normEpsilon);
  tap('ffn_in', ['gate', 'up'], inner, width);
  const gate = linear(inner, 'gate');
  const silu = graph.op('Mul', [gate, graph.op('Sigmoid', [gate])]);
  const gated = graph.op('Mul', [silu, linear(inner, 'up')]);
  tap('down_in', ['down'], gated, feedForward);
  const out = graph.op('Add', [attended, linear(gated, 'down')]);
  return { graph, hidden, out, weights, taps, attention };
}

/** x / √(mean(x²) + ε) · w over the last axis (Zhang & Sennrich 2019, arXiv 1910.07467, eq. 4). */
export function rmsNorm(graph: GraphBuilder, x: Value, weight: Value, epsilon: number): Value {
  const square = graph.op('ReduceMean', [graph.op('Mul', [x, x]), graph.integers([-1])], { keepdims: 1 });
  const root = graph.op('Sqrt', [graph.op('Add', [square, graph.scalar(epsilon)])]);
  return graph.op('Mul', [graph.op('Div', [x, root]), weight]);
}

/** Rotary positions (Su et al. 2021, arXiv 2104.09864, eq. 34). @param lead sequences, heads, tokens */
function rotate(
  graph: GraphBuilder,
  { headWidth, rotation }: DecoderShape,
  x: Value,
  lead: readonly number[],
  cos: Value,
  sin: Value,
): Value {
  const half = headWidth / 2;
  if (rotation === 'halves') {
    const [a, b] = graph.split(x, -1, [half, half]) as [Value, Value];
    return graph.op('Concat', turned(graph, a, b, cos, sin), { axis: -1 });
  }
  const pairs = graph.op('Reshape', [x, graph.integers([...lead, half, 2])]);
  const flat = graph.split(pairs, -1, [1, 1]).map((part) => graph.op('Squeeze', [part, graph.integers([-1])]));
  const [a, b] = flat as [Value, Value];
  const both = turned(graph, a, b, cos, sin).map((part) => graph.op('Unsqueeze', [part, graph.integers([-1])]));
  return graph.op('Reshape', [graph.op('Concat', both, { axis: -1 }), graph.integers([...lead, headWidth])]);
}

function turned(graph: GraphBuilder, a: Value, b: Value, cos: Value, sin: Value): [Value, Value] {
  const times = (x: Value, y: Value): Value => graph.op('Mul', [x, y]);
  return [graph.op('Sub', [times(a, cos), times(b, sin)]), graph.op('Add', [times(b, cos), times(a, sin)])];
}
