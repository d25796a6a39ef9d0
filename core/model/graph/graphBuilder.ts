// Small ONNX graphs (onnx.proto, IR version 10) built node by node. Weights are graph inputs, so that a quantized weight
// can be swapped without building a session again.

import { MessageWriter } from './protobufWriter.ts';

/** onnx.proto `TensorProto.DataType`. */
const ELEMENT = { float32: 1, int64: 7 } as const;
type Element = keyof typeof ELEMENT;

/** The name of a value in the graph. */
export type Value = string & { readonly __value: unique symbol };

export type Attribute = number | readonly number[] | { readonly float: number };

const IR_VERSION = 10;
const OPSET = 21;

export class GraphBuilder {
  readonly #graph = new MessageWriter();
  #values = 0;

  constructor(name: string) {
    this.#graph.text(2, name);
  }

  input(name: string, element: Element, dimensions: readonly number[]): Value {
    this.#graph.message(11, valueInfo(name, element, dimensions));
    return name as Value;
  }

  output(name: string, value: Value, dimensions: readonly number[]): void {
    this.#node('Identity', [value], [name], {});
    this.#graph.message(12, valueInfo(name, 'float32', dimensions));
  }

  /** A constant inside the graph: shapes, axes, small factors. */
  integers(values: readonly number[]): Value {
    return this.#constant('int64', [values.length], new BigInt64Array(values.map(BigInt)));
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
  split(value: Value, axis: number, sizes: readonly number[]): Value[] {
    const outputs = sizes.map(() => this.#fresh());
    this.#node('Split', [value, this.integers(sizes)], outputs, { axis });
    return outputs;
  }

  /** The serialized ModelProto. */
  build(): Uint8Array {
    return new MessageWriter()
      .integer(1, IR_VERSION)
      .text(2, 'quantscope')
      .message(7, this.#graph)
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
    this.#graph.message(5, tensor);
    return name;
  }

  #node(
    type: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>>,
  ): void {
    const node = new MessageWriter();
    for (const input of inputs) node.text(1, input);
    for (const output of outputs) node.text(2, output);
    node.text(3, `${type}:${outputs[0] ?? ''}`).text(4, type);
    for (const [name, value] of Object.entries(attributes)) node.message(5, attribute(name, value));
    this.#graph.message(1, node);
  }
}

/** AttributeProto with its type (20): FLOAT 1, INT 2, INTS 7. */
function attribute(name: string, value: Attribute): MessageWriter {
  const message = new MessageWriter().text(1, name);
  if (typeof value === 'number') return message.integer(3, value).integer(20, 2);
  if ('float' in value) return message.float(2, value.float).integer(20, 1);
  for (const item of value) message.integer(8, item);
  return message.integer(20, 7);
}

function valueInfo(name: string, element: Element, dimensions: readonly number[]): MessageWriter {
  const shape = new MessageWriter();
  for (const dimension of dimensions) shape.message(1, new MessageWriter().integer(1, dimension));
  const tensor = new MessageWriter().integer(1, ELEMENT[element]).message(2, shape);
  return new MessageWriter().text(1, name).message(2, new MessageWriter().message(1, tensor));
}
