// Which inputs of an operator are a stored weight, its scale and its zero point.

import type { OnnxNode } from './graph.ts';

/** Integer attributes that tell how a weight is stored or multiplied; no other is kept. */
export const NEEDED_ATTRIBUTES: ReadonlySet<string> = new Set([
  'K',
  'N',
  'axis',
  'bits',
  'block_size',
  'quant_type',
  'quantize_axis',
  'transA',
  'transB',
  'weight_prepacked',
]);

export interface Operand {
  /** Positions among the node's inputs. */
  readonly codes: number;
  readonly scale: number;
  readonly zero: number;
  /** Of scales that are a vector; counted from the end when negative. */
  readonly axis: number;
  /** Elements that share a scale along the axis; 0 for no blocks. */
  readonly block: number;
}

const COLUMNS = -1;
const ROWS = 0;
const operand = (codes: number, scale: number, zero: number, axis: number): Operand => {
  return { codes, scale, zero, axis, block: 0 };
};

/**
 * Operators whose scales are inputs: the standard's QLinear* ones, and those of onnxruntime's
 * docs/ContribOperators.md. DequantizeLinear has its axis in attributes, QGemm may transpose.
 */
const OPERANDS = new Map<string, readonly Operand[]>([
  ['QLinearMatMul', [operand(3, 4, 5, COLUMNS), operand(0, 1, 2, ROWS)]],
  ['QLinearConv', [operand(3, 4, 5, ROWS)]],
  ['MatMulIntegerToFloat', [operand(1, 3, 5, COLUMNS)]],
  ['DynamicQuantizeMatMul', [operand(1, 2, 3, COLUMNS)]],
  ['QAttention', [operand(1, 4, 7, COLUMNS)]],
  ['QLinearAdd', [operand(3, 4, 5, COLUMNS), operand(0, 1, 2, COLUMNS)]],
  ['QLinearMul', [operand(3, 4, 5, COLUMNS), operand(0, 1, 2, COLUMNS)]],
]);

/** Operators on bare integers: the scale comes in after them. Position of the weight and of its zero point. */
export const INTEGER_OPERANDS = new Map([
  ['MatMulInteger', { codes: 1, zero: 3, axis: COLUMNS }],
  ['ConvInteger', { codes: 1, zero: 3, axis: ROWS }],
]);

export function operandsOf(node: OnnxNode): readonly Operand[] {
  const { opType, integers } = node;
  if (opType === 'DequantizeLinear') {
    return [{ codes: 0, scale: 1, zero: 2, axis: integers.get('axis') ?? 1, block: integers.get('block_size') ?? 0 }];
  }
  if (opType === 'QGemm') return [operand(3, 4, 5, integers.get('transB') === 1 ? ROWS : COLUMNS)];
  return OPERANDS.get(opType) ?? [];
}
