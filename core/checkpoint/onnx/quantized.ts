// Finds the quantized weights of a model: which tensors its operators take as codes, scales and zero points.

import { QuantscopeError } from '../../base/errors.ts';
import { quoteName } from '../tensorName.ts';
import { affineWeight, type QuantizedWeight, type ScaleOperand, type Unbuilt } from './affineWeight.ts';
import { blockWeight } from './blockWeights.ts';
import { bnb4Weight } from './bnb4Weight.ts';
import type { OnnxGraph, OnnxNode } from './graph.ts';
import { INTEGER_OPERANDS, operandsOf } from './operands.ts';
import type { Locate } from './parts.ts';
import type { TensorRecord } from './tensorProto.ts';
import type { ValueUses } from './uses.ts';

/** Operators between a scale and its use that leave its numbers alone. */
const SAME_NUMBERS = new Set(['Cast', 'Identity']);
/** Operators that pick or move whole codes before they are scaled by one number. */
const SAME_CODES = new Set(['Gather', 'Identity', 'Reshape', 'Squeeze', 'Transpose', 'Unsqueeze']);
const MAX_HOPS = 4;
/** onnxruntime's quantizer calls the parts of X so. */
const QUANTIZED_END = '_quantized';

type BareReason = Exclude<Unbuilt, 'unfit'> | 'prepacked';

/** Why codes are listed without their scales. */
const BARE: Readonly<Record<BareReason, string>> = {
  unaligned: 'rows begin inside bytes',
  varints: 'codes are stored as varints',
  prepacked: 'the order of codes is that of one kind of machine',
};

export interface QuantizedWeights {
  /** By their codes. */
  readonly weights: ReadonlyMap<TensorRecord, QuantizedWeight>;
  readonly warnings: readonly string[];
}

/** @throws PACKING_INVALID when shapes of a weight's parts do not fit each other */
export function findQuantized(
  file: string,
  graphs: readonly OnnxGraph[],
  uses: ValueUses,
  locate: Locate,
): QuantizedWeights {
  const finder = new Finder(file, uses, locate);
  for (const graph of graphs) for (const node of graph.nodes) finder.look(graph, node);
  return { weights: finder.weights, warnings: [...Map.groupBy(finder.bare, ([, reason]) => reason)].map(told) };

  function told([reason, tensors]: [BareReason, [TensorRecord, BareReason][]]): string {
    const first = quoteName(tensors[0]?.[0].name ?? '');
    return `${file}: ${tensors.length} quantized tensors are listed as bare codes, ${first} first: ${BARE[reason]}`;
  }
}

class Finder {
  readonly weights = new Map<TensorRecord, QuantizedWeight>();
  readonly bare = new Map<TensorRecord, BareReason>();
  readonly #file: string;
  readonly #uses: ValueUses;
  readonly #locate: Locate;

  constructor(file: string, uses: ValueUses, locate: Locate) {
    this.#file = file;
    this.#uses = uses;
    this.#locate = locate;
  }

  look(graph: OnnxGraph, node: OnnxNode): void {
    if (node.opType === 'MatMulNBits') this.#matMulNBits(graph, node);
    else if (node.opType === 'MatMulBnb4') this.#matMulBnb4(graph, node);
    else if (node.opType === 'DynamicQuantizeLSTM') this.#recurrent(graph, node);
    else if (node.opType === 'GatherBlockQuantized') this.#gatherBlocks(graph, node);
    else if (INTEGER_OPERANDS.has(node.opType)) this.#integerOperator(graph, node);
    else {
      for (const { codes, scale, zero, axis, block } of operandsOf(node)) {
        const { inputs } = node;
        const scales = this.#scaleOf(graph, inputs[scale]);
        if (scales === undefined) continue;
        const tensor =
          this.#tensor(graph, inputs[codes]) ??
          (scales.tensor.elements === 1 ? this.#behind(graph, inputs[codes], SAME_CODES) : undefined);
        this.#affine(graph, node.opType, tensor, scales, inputs[zero], axis, block);
      }
    }
  }

  /** K × N weight, stored as [N, blocks of K]. */
  #matMulNBits(graph: OnnxGraph, { inputs, integers, opType }: OnnxNode): void {
    const [codes, scales] = [this.#tensor(graph, inputs[1]), this.#tensor(graph, inputs[2])];
    if (codes === undefined || scales === undefined || this.weights.has(codes)) return;
    const [rows, columns] = [integers.get('N') ?? 0, integers.get('K') ?? 0];
    // Another layout, made for one machine.
    if ((integers.get('weight_prepacked') ?? 0) !== 0) {
      this.bare.set(codes, 'prepacked');
      return;
    }
    const zeros = this.#tensor(graph, inputs[3]);
    const listed = this.#tensor(graph, inputs[4]);
    if ((zeros === undefined && inputs[3]) || (listed === undefined && inputs[4])) return;
    const bits = integers.get('bits') ?? 4;
    const block = integers.get('block_size') ?? 0;
    const shape = [rows, columns];
    const parts = { method: opType, codes, scales, zeros, listed, rows, columns, bits, block, shape, padded: true };
    this.#keep(codes, blockWeight(parts, this.#locate));
  }

  #matMulBnb4(graph: OnnxGraph, { inputs, integers }: OnnxNode): void {
    const [codes, scales] = [this.#tensor(graph, inputs[1]), this.#tensor(graph, inputs[2])];
    if (codes === undefined || scales === undefined || this.weights.has(codes)) return;
    const [rows, columns] = [integers.get('N') ?? 0, integers.get('K') ?? 0];
    const block = integers.get('block_size') ?? 0;
    const parts = { codes, scales, rows, columns, block, quantType: integers.get('quant_type') ?? -1 };
    this.#keep(codes, bnb4Weight(parts, this.#locate));
  }

  /** W and R of [directions, inputs, gates]; one scale per direction, or one per direction and gate. */
  #recurrent(graph: OnnxGraph, { inputs, opType }: OnnxNode): void {
    for (const [codesAt, scaleAt] of [
      [1, 8],
      [2, 10],
    ] as const) {
      const [codes, tensor] = [this.#tensor(graph, inputs[codesAt]), this.#tensor(graph, inputs[scaleAt])];
      if (codes === undefined || tensor === undefined) continue;
      const [directions = 0, gates] = tensor.shape;
      // A scale per gate holds for all inputs: they are one block.
      const scale = gates === undefined ? { tensor } : { tensor, shape: [directions, 1, gates] };
      const [axis, block] = gates === undefined ? [0, 0] : [1, codes.shape[1] ?? 0];
      this.#affine(graph, opType, codes, scale, inputs[scaleAt + 1], axis, block);
    }
  }

  /** An embedding; codes of type uint8 hold several elements a byte, which only `bits` tells. */
  #gatherBlocks(graph: OnnxGraph, { inputs, integers, opType }: OnnxNode): void {
    const [codes, scales] = [this.#tensor(graph, inputs[0]), this.#tensor(graph, inputs[2])];
    if (codes === undefined || scales === undefined || this.weights.has(codes)) return;
    const block = integers.get('block_size') ?? 128;
    const axis = integers.get('quantize_axis') ?? 1;
    if (codes.type.name !== 'UINT8') {
      const along = axis + (axis < 0 ? codes.shape.length : 0);
      const size = block === 0 ? (codes.shape[along] ?? 0) : block;
      this.#affine(graph, opType, codes, { tensor: scales }, inputs[3], axis, size);
      return;
    }
    const zeros = this.#tensor(graph, inputs[3]);
    if (zeros === undefined && inputs[3]) return;
    const bits = integers.get('bits') ?? 4;
    const stored = codes.shape.at(-1) ?? 0;
    const columns = (stored * 8) / bits;
    const rows = stored === 0 ? 0 : codes.elements / stored;
    const shape = [...codes.shape.slice(0, -1), columns];
    const parts = { method: opType, codes, scales, zeros, rows, columns, bits, block, shape, padded: false };
    this.#keep(codes, blockWeight(parts, this.#locate));
  }

  /**
   * MatMulInteger → Cast → Mul by the scales' product: the weight's scale is a stored factor of that product. Where the
   * nodes are arranged otherwise, names tell: X_quantized belongs to X_scale.
   */
  #integerOperator(graph: OnnxGraph, { inputs, outputs, opType }: OnnxNode): void {
    const operand = INTEGER_OPERANDS.get(opType);
    const name = inputs[operand?.codes ?? 0];
    const codes = this.#tensor(graph, name);
    if (operand === undefined || codes === undefined || name === undefined) return;
    const stem = name.endsWith(QUANTIZED_END) ? name.slice(0, -QUANTIZED_END.length) : undefined;
    const tensor = this.#factorAfter(graph, outputs[0]) ?? this.#tensor(graph, stem && `${stem}_scale`);
    if (tensor === undefined) return;
    // No input of the node: one that does not fit belongs to something else.
    const weight = this.#affineWeight(graph, opType, codes, { tensor }, inputs[operand.zero], operand.axis, 0);
    if (weight !== undefined && weight !== 'unfit') this.#keep(codes, weight);
  }

  #factorAfter(graph: OnnxGraph, output: string | undefined): TensorRecord | undefined {
    const cast = this.#uses.takerOf(graph, output ?? '');
    if (cast?.opType !== 'Cast') return undefined;
    const product = this.#uses.takerOf(graph, cast.outputs[0] ?? '');
    if (product?.opType !== 'Mul') return undefined;
    const other = product.inputs.find((input) => input !== cast.outputs[0]);
    const direct = this.#tensor(graph, other);
    if (direct !== undefined) return direct;
    const scales = this.#uses.producerOf(graph, other ?? '');
    if (scales?.opType !== 'Mul') return undefined;
    // The activation's scale comes first.
    return scales.inputs.map((input) => this.#tensor(graph, input)).findLast((tensor) => tensor !== undefined);
  }

  #affine(
    graph: OnnxGraph,
    method: string,
    codes: TensorRecord | undefined,
    scale: ScaleOperand,
    zeroName: string | undefined,
    axis: number,
    block: number,
  ): void {
    if (codes === undefined) return;
    const weight = this.#affineWeight(graph, method, codes, scale, zeroName, axis, block);
    if (weight !== undefined) this.#keep(codes, weight);
  }

  #affineWeight(
    graph: OnnxGraph,
    method: string,
    codes: TensorRecord,
    scale: ScaleOperand,
    zeroName: string | undefined,
    axis: number,
    block: number,
  ): QuantizedWeight | Unbuilt | undefined {
    // Biases of 32 bits and activations of 16 are no codes of a weight.
    if (codes.type.packed === undefined || this.weights.has(codes)) return undefined;
    const zero = this.#tensor(graph, zeroName);
    if (zero === undefined && zeroName) return undefined;
    return affineWeight({ method, codes, scale, zero, axis, block }, this.#locate);
  }

  #keep(codes: TensorRecord, weight: QuantizedWeight | Unbuilt): void {
    if (weight === 'unfit') {
      const fact = `scales and zero points do not fit its shape [${codes.shape.join(', ')}]`;
      throw new QuantscopeError('PACKING_INVALID', `${this.#file}: tensor ${quoteName(codes.name)}: ${fact}`);
    }
    if (typeof weight === 'string') this.bare.set(codes, weight);
    else {
      this.bare.delete(codes);
      this.weights.set(codes, weight);
    }
  }

  #scaleOf(graph: OnnxGraph, name: string | undefined): ScaleOperand | undefined {
    const tensor = this.#tensor(graph, name) ?? this.#behind(graph, name, SAME_NUMBERS);
    if (tensor !== undefined) return { tensor };
    const node = this.#uses.producerOf(graph, name ?? '');
    if (node?.opType !== 'DequantizeLinear' || node.inputs[2]) return undefined;
    const [codes, own] = [this.#tensor(graph, node.inputs[0]), this.#tensor(graph, node.inputs[1])];
    return codes === undefined || own === undefined ? undefined : { tensor: codes, own };
  }

  /** The stored tensor that a value comes from, through operators of a kind. */
  #behind(graph: OnnxGraph, name: string | undefined, through: ReadonlySet<string>): TensorRecord | undefined {
    let value = name;
    for (let hop = 0; hop < MAX_HOPS && value; hop++) {
      const node = this.#uses.producerOf(graph, value);
      if (node === undefined || !through.has(node.opType)) return undefined;
      value = node.inputs[0];
      const tensor = this.#tensor(graph, value);
      if (tensor !== undefined) return tensor;
    }
    return undefined;
  }

  #tensor(graph: OnnxGraph, name: string | undefined): TensorRecord | undefined {
    if (!name) return undefined;
    for (let scope: OnnxGraph | null = graph; scope !== null; scope = scope.parent) {
      const tensor = scope.tensorNamed(name);
      if (tensor !== undefined) return tensor;
    }
    return undefined;
  }
}
