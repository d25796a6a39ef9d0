// Small ONNX graphs (onnx.proto, IR version 10) built node by node. Weights are graph inputs, so that a quantized weight
// can be swapped without building a session again.

import { MessageWriter } from './protobufWriter.ts';
import { type Operand, outputShapes, type Shape } from './shapes.ts';

/** onnx.proto `TensorProto.DataType`. */
const ELEMENT = { float32: 1, int64: 7 } as const;
type Element = keyof typeof ELEMENT;

/** The name of a value in the graph. */
export type Value = string & { readonly __value: unique symbol };

export type Attribute = number | readonly number[] | string | { readonly float: number };

/** One operation of the graph as it was added. */
export interface Node {
  readonly type: string;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** A value for every size. */
export type Split<Sizes extends readonly number[]> = { -readonly [At in keyof Sizes]: Value };

const IR_VERSION = 10;
const OPSET = 21;

export class GraphBuilder {
  readonly #name: string;
  readonly #nodes: Node[] = [];
  readonly #inputs: MessageWriter[] = [];
  readonly #outputs: MessageWriter[] = [];
  readonly #constants: MessageWriter[] = [];
  readonly #operands = new Map<Value, Operand>();
  #values = 0;

  constructor(name: string) {
    this.#name = name;
  }

  /** In the order they were added, each after those that make its inputs. */
  get nodes(): readonly Node[] {
    return this.#nodes;
  }

  input(name: string, element: Element, dimensions: Shape): Value {
    this.#inputs.push(valueInfo(name, element, dimensions));
    this.#operands.set(name as Value, { shape: dimensions });
    return name as Value;
  }

  /** null where it takes an operation without a rule in shapes.ts to know. */
  shapeOf(value: Value): Shape | null {
    return this.#operands.get(value)?.shape ?? null;
  }

  output(name: string, value: Value, dimensions: Shape): void {
    this.#node('Identity', [value], [name as Value], {});
    this.#outputs.push(valueInfo(name, 'float32', dimensions));
  }

  /** A constant inside the graph: shapes, axes, small factors. */
  integers(values: readonly number[]): Value {
    const name = this.#constant('int64', [values.length], new BigInt64Array(values.map(BigInt)));
    this.#operands.set(name, { shape: [values.length], integers: values });
    return name;
  }

  scalar(value: number): Value {
    return this.#constant('float32', [], Float32Array.of(value));
  }

  /** Adds a node with one output. */
  op(type: string, inputs: readonly Value[], attributes: Readonly<Record<string, Attribute>> = {}): Value {
    const output = this.#fresh();
    this.#node(type, inputs, [output], attributes);
    return output;
  }

  /** Adds a node with several outputs. */
  several(
    type: string,
    inputs: readonly Value[],
    count: number,
    attributes: Readonly<Record<string, Attribute>> = {},
  ): Value[] {
    const outputs = Array.from({ length: count }, () => this.#fresh());
    this.#node(type, inputs, outputs, attributes);
    return outputs;
  }

  split<const Sizes extends readonly number[]>(value: Value, axis: number, sizes: Sizes): Split<Sizes> {
    // As many outputs as sizes.
    return this.several('Split', [value, this.integers(sizes)], sizes.length, { axis }) as Split<Sizes>;
  }

  /** The serialized ModelProto. */
  build(): Uint8Array {
    const graph = new MessageWriter();
    for (const node of this.#nodes) graph.message(1, nodeMessage(node));
    graph.text(2, this.#name);
    for (const constant of this.#constants) graph.message(5, constant);
    for (const input of this.#inputs) graph.message(11, input);
    for (const output of this.#outputs) graph.message(12, output);
    return new MessageWriter()
      .integer(1, IR_VERSION)
      .text(2, 'quantscope')
      .message(7, graph)
      .message(8, new MessageWriter().text(1, '').integer(2, OPSET))
      .finish();
  }

  #fresh(): Value {
    return `v${this.#values++}` as Value;
  }

  #constant(element: Element, dimensions: readonly number[], data: Float32Array | BigInt64Array): Value {
    const name = this.#fresh();
    const tensor = new MessageWriter();
    for (const dimension of dimensions) tensor.integer(1, dimension);
    tensor.integer(2, ELEMENT[element]).text(8, name);
    tensor.bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    this.#constants.push(tensor);
    this.#operands.set(name, { shape: dimensions });
    return name;
  }

  #node(
    type: string,
    inputs: readonly Value[],
    outputs: readonly Value[],
    attributes: Readonly<Record<string, Attribute>>,
  ): void {
    this.#nodes.push({ type, inputs, outputs, attributes });
    const operands = inputs.map((input) => this.#operands.get(input) ?? { shape: null });
    const shapes = outputShapes(type, operands, attributes);
    outputs.forEach((output, at) => {
      this.#operands.set(output, { shape: shapes?.[at] ?? null });
    });
  }
}

function nodeMessage({ type, inputs, outputs, attributes }: Node): MessageWriter {
  const message = new MessageWriter();
  for (const input of inputs) message.text(1, input);
  for (const output of outputs) message.text(2, output);
  message.text(3, `${type}:${outputs[0] ?? ''}`).text(4, type);
  for (const [name, value] of Object.entries(attributes)) message.message(5, attribute(name, value));
  return message;
}

/** AttributeProto with its type (20): FLOAT 1, INT 2, STRING 3, INTS 7. */
function attribute(name: string, value: Attribute): MessageWriter {
  const message = new MessageWriter().text(1, name);
  if (typeof value === 'number') return message.integer(3, value).integer(20, 2);
  if (typeof value === 'string') return message.text(4, value).integer(20, 3);
  if ('float' in value) return message.float(2, value.float).integer(20, 1);
  for (const item of value) message.integer(8, item);
  return message.integer(20, 7);
}

function valueInfo(name: string, element: Element, dimensions: Shape): MessageWriter {
  const shape = new MessageWriter();
  for (const dimension of dimensions)
    shape.message(1, dimension === null ? new MessageWriter() : new MessageWriter().integer(1, dimension));
  const tensor = new MessageWriter().integer(1, ELEMENT[element]).message(2, shape);
  return new MessageWriter().text(1, name).message(2, new MessageWriter().message(1, tensor));
}
