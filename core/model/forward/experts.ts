// Mixture of experts: a router sends every token to a few of many gated feed-forward layers (Shazeer et al. 2017,
// arXiv 1701.06538; Jiang et al. 2024, arXiv 2401.04088, section 2.1). Each expert multiplies its own tokens only.

import type { Value } from '../graph/graphBuilder.ts';
import type { Activation } from './activations.ts';
import type { BlockBuilder } from './blockBuilder.ts';
import type { WeightLayout } from './family.ts';
import { stored } from './layouts.ts';

/** ONNX TensorProto.DataType FLOAT. */
const FLOAT = 1;

export interface Experts {
  readonly count: number;
  /** Experts each token goes to. */
  readonly taken: number;
  /** Width inside an expert. */
  readonly feedForward: number;
  /** Whether the shares of the experts taken are scaled to add up to one. */
  readonly normalized: boolean;
  /** Whether an expert's gate and up are stored as one matrix. */
  readonly joined: boolean;
  /** One that every token goes to, scaled by a gate of its own (Qwen 2 MoE). */
  readonly shared: SharedExpert | null;
}

export interface SharedExpert {
  readonly feedForward: number;
  /** Of the gate's weight: [1, width], or [width] in GGUF files. */
  readonly gate: WeightLayout;
}

/** Modules router, expert_gate.0, expert_up.0, expert_down.0, expert_gate.1, … (expert_gate_up.0 where joined). */
export function expertLayouts(width: number, experts: Experts): Record<string, WeightLayout> {
  const { count, feedForward, joined, shared } = experts;
  const layouts: Record<string, WeightLayout> = { router: stored(count, width) };
  for (let expert = 0; expert < count; expert++) {
    if (joined) layouts[`expert_gate_up.${expert}`] = stored(2 * feedForward, width);
    else {
      layouts[`expert_gate.${expert}`] = stored(feedForward, width);
      layouts[`expert_up.${expert}`] = stored(feedForward, width);
    }
    layouts[`expert_down.${expert}`] = stored(width, feedForward);
  }
  if (shared === null) return layouts;
  return {
    ...layouts,
    shared_router: shared.gate,
    shared_gate: stored(shared.feedForward, width),
    shared_up: stored(shared.feedForward, width),
    shared_down: stored(width, shared.feedForward),
  };
}

/**
 * Σ over the experts taken of share · expert(x), and the shared expert.
 *
 * Token t's place for its k-th expert is slot t · taken + k. An expert gathers the tokens of its slots, all outputs
 * stand below each other in the order of experts, and are put back into the order of slots before they are summed.
 *
 * @param x normed hidden states, [rows, width]
 */
export function mixtureOfExperts(
  builder: BlockBuilder,
  x: Value,
  width: number,
  experts: Experts,
  activation: Activation,
): Value {
  const { graph, rows } = builder;
  const { count, taken, shared } = experts;
  const slots = rows * taken;
  const always = shared === null ? [] : ['shared_router', 'shared_gate', 'shared_up'];
  builder.tap('ffn_in', ['router', ...always], x, width);
  const { shares, chosen } = route(builder, x, experts);
  const bySlot = graph.op('Reshape', [chosen, graph.integers([slots])]);
  const gathered: Value[] = [];
  const outputs: Value[] = [];
  for (let expert = 0; expert < count; expert++) {
    const mine = graph.op('NonZero', [graph.op('Equal', [bySlot, graph.integers([expert])])]);
    const own = graph.op('Squeeze', [mine, graph.integers([0])]);
    const tokens = graph.op('Gather', [x, graph.op('Div', [own, graph.integers([taken])])]);
    const reached = graph.op('Cast', [graph.op('Shape', [own])], { to: FLOAT });
    gathered.push(own);
    outputs.push(expertOutput(builder, tokens, width, experts, { expert, reached, activation }));
  }
  // Smallest first, the places of a permutation's elements are its inverse.
  const order = graph.op('Concat', gathered, { axis: 0 });
  const [, inverse = order] = graph.several('TopK', [order, graph.integers([slots])], 2, { axis: 0, largest: 0 });
  const sorted = graph.op('Gather', [graph.op('Concat', outputs, { axis: 0 }), inverse]);
  const parted = graph.op('Reshape', [sorted, graph.integers([rows, taken, width])]);
  const scaled = graph.op('Mul', [parted, graph.op('Unsqueeze', [shares, graph.integers([-1])])]);
  const mixed = graph.op('ReduceSum', [scaled, graph.integers([1])], { keepdims: 0 });
  if (shared === null) return mixed;
  return graph.op('Add', [mixed, sharedOutput(builder, x, width, shared, activation)]);
}

/** @returns both [rows, taken]: softmax of the router's scores, and the numbers of the experts they belong to */
function route(builder: BlockBuilder, x: Value, { taken, normalized }: Experts): { shares: Value; chosen: Value } {
  const { graph } = builder;
  const probabilities = graph.op('Softmax', [builder.linear(x, 'router')], { axis: -1 });
  const [best, chosen] = graph.several('TopK', [probabilities, graph.integers([taken])], 2, { axis: -1 });
  if (best === undefined || chosen === undefined) throw new RangeError('TopK has two outputs');
  if (!normalized) return { shares: best, chosen };
  const total = graph.op('ReduceSum', [best, graph.integers([-1])], { keepdims: 1 });
  return { shares: graph.op('Div', [best, total]), chosen };
}

interface OneExpert {
  readonly expert: number;
  /** [1]: tokens that reach it. */
  readonly reached: Value;
  readonly activation: Activation;
}

function expertOutput(
  builder: BlockBuilder,
  tokens: Value,
  width: number,
  { feedForward, joined }: Experts,
  { expert, reached, activation }: OneExpert,
): Value {
  const { graph } = builder;
  const [gateUp, gate, up, down] = [
    `expert_gate_up.${expert}`,
    `expert_gate.${expert}`,
    `expert_up.${expert}`,
    `expert_down.${expert}`,
  ];
  builder.tap(`ffn_in.${expert}`, joined ? [gateUp] : [gate, up], tokens, width, reached);
  const [opening = tokens, values = tokens] = joined
    ? graph.split(builder.linear(tokens, gateUp), 1, [feedForward, feedForward])
    : [builder.linear(tokens, gate), builder.linear(tokens, up)];
  const gated = graph.op('Mul', [activation(graph, opening), values]);
  builder.tap(`down_in.${expert}`, [down], gated, feedForward, reached);
  return builder.linear(gated, down);
}

/** σ(gate · x) · expert(x) */
function sharedOutput(
  builder: BlockBuilder,
  x: Value,
  width: number,
  { feedForward }: SharedExpert,
  activation: Activation,
): Value {
  const { graph } = builder;
  const opening = activation(graph, builder.linear(x, 'shared_gate'));
  const gated = graph.op('Mul', [opening, builder.linear(x, 'shared_up')]);
  builder.tap('shared_down_in', ['shared_down'], gated, feedForward);
  const gate = graph.op('Reshape', [builder.weight('shared_router'), graph.integers([1, width])]);
  const share = graph.op('Sigmoid', [graph.op('Gemm', [x, gate], { transB: 1 })]);
  return graph.op('Mul', [share, builder.linear(gated, 'shared_down')]);
}
