// Which weight of which layer a tensor is: from its own name, else from the node that uses it.

import type { OnnxNode } from './graph.ts';

export interface TensorUse {
  readonly node: OnnxNode;
  /** Which of the node's inputs it is. */
  readonly input: number;
}

/** What exporters call a tensor for want of a name, without its numbers: val_12, _v_7, const_fold_opt__88. */
const MADE_UP = new Set(['', 'val', 'v', 'const', 'constant', 'constfoldopt', 'initializer', 'tensor', 't']);
/** onnx::MatMul_1234, of PyTorch's exporter. */
const MADE_UP_START = 'onnx::';
/** What quantizers hang on to names. */
const QUANTIZER_END = /(_quantized|_u?int[48]|_Bnb4|(_DQ)?_[qQ][248](G\d{1,5})?)$/;
/** TensorFlow's and PyTorch's number of a node's output. */
const OUTPUT_NUMBER = /(:|_output_)\d{1,9}$/;
/** Operators stand at the end of paths: /model/layers.0/mlp/MatMul_1, dense/ReadVariableOp. Modules begin small. */
const OPERATOR = /^[A-Z]/;
/** onnxruntime-genai puts the operator inside: model.layers.0.attn.q_proj.MatMul.weight. */
const OPERATOR_PARTS = new Set(['MatMul', 'Gemm', 'Gather', 'Conv', 'Add', 'Mul']);

const NORM = { 1: 'weight', 2: 'bias' };
const RECURRENT = { 1: 'weight_ih', 2: 'weight_hh', 3: 'bias' };
/** Inputs that are a module's parameters, as PyTorch calls them. */
const PARAMETERS = new Map<string, Readonly<Record<number, string>>>([
  ['MatMul', { 0: 'weight', 1: 'weight' }],
  ['Gemm', { 0: 'weight', 1: 'weight', 2: 'bias' }],
  ['Conv', { 1: 'weight', 2: 'bias' }],
  ['ConvTranspose', { 1: 'weight', 2: 'bias' }],
  ['Gather', { 0: 'weight' }],
  ['Add', { 0: 'bias', 1: 'bias' }],
  ['Mul', { 0: 'weight', 1: 'weight' }],
  ['PRelu', { 1: 'weight' }],
  ['BatchNormalization', { ...NORM, 3: 'running_mean', 4: 'running_var' }],
  ['LayerNormalization', NORM],
  ['InstanceNormalization', NORM],
  ['GroupNormalization', NORM],
  ['RMSNormalization', { 1: 'weight' }],
  ['SimplifiedLayerNormalization', { 1: 'weight' }],
  ['SkipLayerNormalization', { 2: 'weight', 3: 'bias' }],
  ['SkipSimplifiedLayerNormalization', { 2: 'weight', 3: 'bias' }],
  ['LSTM', RECURRENT],
  ['DynamicQuantizeLSTM', RECURRENT],
  ['GRU', RECURRENT],
  ['RNN', RECURRENT],
  ['MatMulNBits', { 1: 'weight', 5: 'bias' }],
  ['MatMulBnb4', { 1: 'weight' }],
  ['GatherBlockQuantized', { 0: 'weight' }],
  ['MatMulInteger', { 0: 'weight', 1: 'weight' }],
  ['MatMulIntegerToFloat', { 1: 'weight', 6: 'bias' }],
  ['DynamicQuantizeMatMul', { 1: 'weight', 4: 'bias' }],
  ['ConvInteger', { 1: 'weight' }],
  ['QLinearConv', { 3: 'weight', 8: 'bias' }],
  ['QLinearMatMul', { 0: 'weight', 3: 'weight' }],
  ['QGemm', { 3: 'weight', 6: 'bias' }],
]);

/**
 * @param name of the value in its graph
 * @param use the first node that does something with it
 * @returns a path of modules ("model.layers.0.self_attn.q_proj.weight"), or undefined when `name` tells as much
 */
export function placeName(name: string, use: TensorUse | undefined, elements: number): string | undefined {
  const own = name.replace(OUTPUT_NUMBER, '').replace(QUANTIZER_END, '');
  const madeUp = isMadeUp(own);
  const found = !madeUp && !own.includes('/') && own.includes('.') ? withoutOperators(own) : fromPaths();
  return found === name ? undefined : found;

  function fromPaths(): string | undefined {
    const parts = madeUp ? [] : partsOf(own);
    const named = parts.length > 1 && !OPERATOR.test(parts.at(-1) ?? '');
    if (named) return parts.join('.');
    return (
      (use === undefined ? undefined : fromNode(use, elements)) ?? (parts.length > 1 ? parts.join('.') : undefined)
    );
  }
}

function fromNode({ node, input }: TensorUse, elements: number): string | undefined {
  const parts = partsOf(node.name);
  if (parts.length < 2 && !node.name.includes('.')) return undefined;
  const parameter = elements > 1 ? PARAMETERS.get(node.opType)?.[input] : undefined;
  if (parameter === undefined) return parts.join('.');
  const module = OPERATOR.test(parts.at(-1) ?? '') ? parts.slice(0, -1) : parts;
  return [...module, parameter].join('.');
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '');
}

function withoutOperators(name: string): string {
  const parts = name.split('.');
  if (parts.at(-1) === 'qweight') parts[parts.length - 1] = 'weight';
  else if (!parts.some((part) => OPERATOR_PARTS.has(part))) return name;
  return parts.filter((part) => !OPERATOR_PARTS.has(part)).join('.');
}

function isMadeUp(name: string): boolean {
  return name.startsWith(MADE_UP_START) || MADE_UP.has(name.replace(/[_\d]+/g, '').toLowerCase());
}
