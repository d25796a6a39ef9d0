// What the linear operators of an ONNX model multiply: the values that flow into stored weights.

import { openByteSource } from '../../io/byteSource.ts';
import type { OnnxGraph, OnnxNode } from './graph.ts';
import { readModel } from './model.ts';
import { Protobuf } from './protobuf.ts';
import { ValueUses } from './uses.ts';

export interface LinearInput {
  /** Name of the value in the main graph. */
  readonly value: string;
  /** Dimension of the value that runs over the weight's input channels; negative ones count from the end. */
  readonly channelAxis: number;
  /** Tensors it is multiplied with, as the checkpoint lists them. */
  readonly weights: readonly string[];
  readonly operator: string;
}

/** Operators with the activation as input 0 and the weight as input 1 (onnx Operators.md, ContribOperators.md). */
const CHANNEL_AXIS: Readonly<Record<string, number>> = {
  MatMul: -1,
  Gemm: -1,
  Conv: 1,
  ConvTranspose: 1,
  MatMulNBits: -1,
  MatMulBnb4: -1,
  DynamicQuantizeMatMul: -1,
  LSTM: -1,
  GRU: -1,
  RNN: -1,
};
/** Between a stored weight and its operator. */
const MAX_HOPS = 4;

/**
 * In the order of the graph, values that several weights share once.
 * @returns `unreachable`: linear operators inside control flow, whose values cannot be outputs of the model
 * @throws every code of reading the model
 */
export async function readLinearInputs(
  path: string,
  signal: AbortSignal | undefined,
): Promise<{ inputs: LinearInput[]; unreachable: number }> {
  await using source = await openByteSource(path, signal);
  const { reader } = await readModel(new Protobuf(source));
  const uses = new ValueUses(reader.graphs);
  const found = new Map<string, LinearInput>();
  let unreachable = 0;
  for (const [position, graph] of reader.graphs.entries()) {
    for (const node of graph.nodes) {
      const input = linearInput(graph, node, uses);
      if (input === null) continue;
      if (position > 0) {
        unreachable++;
        continue;
      }
      const known = found.get(input.value);
      if (known === undefined) found.set(input.value, input);
      else if (known.channelAxis === input.channelAxis)
        found.set(input.value, { ...known, weights: [...known.weights, ...input.weights] });
    }
  }
  return { inputs: [...found.values()], unreachable };
}

function linearInput(graph: OnnxGraph, node: OnnxNode, uses: ValueUses): LinearInput | null {
  const { opType, inputs, integers } = node;
  if (!Object.hasOwn(CHANNEL_AXIS, opType)) return null;
  const [value = '', weight = ''] = inputs;
  const stored = storedWeight(graph, weight, uses);
  if (stored === null || value === '' || storedWeight(graph, value, uses) !== null) return null;
  const transposed = opType === 'Gemm' && integers.get('transA') === 1;
  return { value, channelAxis: transposed ? 0 : (CHANNEL_AXIS[opType] ?? -1), weights: [stored], operator: opType };
}

/** The tensor behind a value, seen through nodes that only change its form. */
function storedWeight(graph: OnnxGraph, value: string, uses: ValueUses): string | null {
  let name = value;
  for (let hop = 0; hop <= MAX_HOPS; hop++) {
    for (let scope: OnnxGraph | null = graph; scope !== null; scope = scope.parent)
      if (scope.tensorNamed(name) !== undefined) return scope.prefix + name;
    const producer = uses.producerOf(graph, name);
    if (producer === undefined || !uses.changesFormOnly(producer)) return null;
    name = producer.inputs[0] ?? '';
  }
  return null;
}
