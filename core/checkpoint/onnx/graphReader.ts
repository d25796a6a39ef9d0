// Reads graphs and functions of an ONNX model: of nodes the little that is needed, and every tensor.

import { MAX_NAME_BYTES, MAX_ONNX_GRAPH_DEPTH, MAX_ONNX_NODES, MAX_TENSORS } from '../../base/limits.ts';
import { quoteName } from '../tensorName.ts';
import { readConstant } from './constant.ts';
import { OnnxGraph, type OnnxNode } from './graph.ts';
import { NEEDED_ATTRIBUTES } from './operands.ts';
import { type Field, type Protobuf, WIRE } from './protobuf.ts';
import { type OmittedTensor, readTensor, type TensorContext, type TensorRecord } from './tensorProto.ts';

/** onnx.proto, GraphProto. */
const GRAPH_NODE = 1;
const GRAPH_NAME = 2;
const GRAPH_INITIALIZER = 5;
const GRAPH_SPARSE_INITIALIZER = 15;
/** onnx.proto, NodeProto. */
const NODE_INPUT = 1;
const NODE_OUTPUT = 2;
const NODE_NAME = 3;
const NODE_OP_TYPE = 4;
const NODE_ATTRIBUTE = 5;
const NODE_DOMAIN = 7;
/** onnx.proto, AttributeProto. */
const ATTRIBUTE_NAME = 1;
const ATTRIBUTE_INT = 3;
const ATTRIBUTE_GRAPH = 6;
const ATTRIBUTE_GRAPHS = 11;
/** onnx.proto, FunctionProto. */
const FUNCTION_NAME = 1;
const FUNCTION_NODE = 7;
const FUNCTION_DOMAIN = 10;

interface NodeDraft extends OnnxNode {
  name: string;
  opType: string;
  domain: string;
  readonly inputs: string[];
  readonly outputs: string[];
  integers: Map<string, number>;
}

/** Of the million nodes without any. */
const NO_INTEGERS = new Map<string, number>();

/** Everything collected from one file. */
export class GraphReader {
  readonly proto: Protobuf;
  /** The main graph, the graphs inside its nodes, and function bodies; parents come before their children. */
  readonly graphs: OnnxGraph[] = [];
  readonly opTypes = new Map<string, number>();
  readonly omitted: OmittedTensor[] = [];
  sparse = 0;
  mainName = '';
  readonly context: TensorContext;
  #nodes = 0;
  #tensors = 0;
  /** One string for each operator, domain and attribute name instead of one a node. */
  readonly #words = new Map<string, string>();
  readonly #prefixes = new Set<string>(['']);

  constructor(proto: Protobuf, context: TensorContext) {
    this.proto = proto;
    this.context = context;
  }

  get nodeCount(): number {
    return this.#nodes;
  }

  /** @throws NESTING_LIMIT, COUNT_LIMIT, DUPLICATE_NAME, and every code of protobuf.ts and tensorProto.ts */
  async readGraph(message: Field, prefix: string, parent: OnnxGraph | null, depth: number): Promise<void> {
    const { proto } = this;
    proto.expect(message, WIRE.bytes);
    if (depth > MAX_ONNX_GRAPH_DEPTH) {
      proto.fail(`graphs inside nodes nest deeper than ${MAX_ONNX_GRAPH_DEPTH}`, 'NESTING_LIMIT');
    }
    const graph = this.#open(prefix, parent);
    while (proto.at < message.end) {
      if (!proto.ready) await proto.refill();
      const field = proto.field(message.end);
      if (field.number === GRAPH_NODE) await this.#readNode(field, graph, depth);
      else if (field.number === GRAPH_INITIALIZER) {
        proto.expect(field, WIRE.bytes);
        this.#add(graph, await readTensor(proto, field.end, this.context));
      } else if (field.number === GRAPH_SPARSE_INITIALIZER) this.sparse++;
      else if (field.number === GRAPH_NAME && depth === 0) {
        this.mainName = await proto.text(field, MAX_NAME_BYTES, "the graph's name");
      }
      proto.at = field.end;
    }
  }

  /** A model's function: a body of nodes without initializers. */
  async readFunction(message: Field): Promise<void> {
    const { proto } = this;
    proto.expect(message, WIRE.bytes);
    const nodes: Field[] = [];
    let [name, domain] = ['', ''];
    while (proto.at < message.end) {
      if (!proto.ready) await proto.refill();
      const field = proto.field(message.end);
      if (field.number === FUNCTION_NAME) name = await proto.text(field, MAX_NAME_BYTES, "a function's name");
      else if (field.number === FUNCTION_DOMAIN) domain = await proto.text(field, MAX_NAME_BYTES, 'a domain');
      else if (field.number === FUNCTION_NODE) nodes.push(field);
      if (nodes.length > MAX_ONNX_NODES) this.#tooMany('nodes', MAX_ONNX_NODES);
      proto.at = field.end;
    }
    const graph = this.#open(this.#uniquePrefix('', domain === '' ? name : `${domain}.${name}`), null);
    // The name that tensors inside get may come last.
    for (const node of nodes) {
      proto.at = node.start;
      await this.#readNode(node, graph, 0);
    }
    proto.at = message.end;
  }

  #open(prefix: string, parent: OnnxGraph | null): OnnxGraph {
    const graph = new OnnxGraph(prefix, parent);
    this.graphs.push(graph);
    return graph;
  }

  async #readNode(message: Field, graph: OnnxGraph, depth: number): Promise<void> {
    const { proto } = this;
    proto.expect(message, WIRE.bytes);
    if (++this.#nodes > MAX_ONNX_NODES) this.#tooMany('nodes', MAX_ONNX_NODES);
    const node: NodeDraft = { name: '', opType: '', domain: '', inputs: [], outputs: [], integers: NO_INTEGERS };
    // What an attribute is for depends on the operator, which exporters write before it; nothing says they must.
    const early: Field[] = [];
    while (proto.at < message.end) {
      if (!proto.ready) await proto.refill();
      const field = proto.field(message.end);
      if (field.number === NODE_INPUT) node.inputs.push(await this.#valueName(field));
      else if (field.number === NODE_OUTPUT) node.outputs.push(await this.#valueName(field));
      else if (field.number === NODE_NAME) node.name = await proto.text(field, MAX_NAME_BYTES, "a node's name");
      else if (field.number === NODE_OP_TYPE) node.opType = await this.#word(field, 'an operator');
      else if (field.number === NODE_DOMAIN) node.domain = await this.#word(field, 'a domain');
      else if (field.number === NODE_ATTRIBUTE) {
        if (node.opType === '') early.push(field);
        else await this.#readAttribute(field, node, graph, depth);
      }
      proto.at = field.end;
    }
    for (const attribute of early) {
      proto.at = attribute.start;
      await this.#readAttribute(attribute, node, graph, depth);
    }
    const { opType, domain } = node;
    const shown = domain === '' || domain === 'ai.onnx' ? opType : `${domain}.${opType}`;
    this.opTypes.set(shown, (this.opTypes.get(shown) ?? 0) + 1);
    if (opType !== 'Constant') graph.nodes.push(node);
  }

  async #readAttribute(message: Field, node: NodeDraft, graph: OnnxGraph, depth: number): Promise<void> {
    const { proto } = this;
    proto.expect(message, WIRE.bytes);
    if (node.opType === 'Constant') {
      this.#add(graph, await readConstant(proto, message.end, this.context, node.outputs[0] ?? ''));
      return;
    }
    let name = '';
    let integer: number | null = null;
    const bodies: Field[] = [];
    while (proto.at < message.end) {
      if (!proto.ready) await proto.refill();
      const field = proto.field(message.end);
      if (field.number === ATTRIBUTE_NAME) name = await this.#word(field, 'an attribute');
      else if (field.number === ATTRIBUTE_INT) integer = field.value;
      else if (field.number === ATTRIBUTE_GRAPH || field.number === ATTRIBUTE_GRAPHS) bodies.push(field);
      proto.at = field.end;
    }
    if (integer !== null && NEEDED_ATTRIBUTES.has(name)) {
      if (node.integers === NO_INTEGERS) node.integers = new Map();
      node.integers.set(name, integer);
    }
    for (const body of bodies) {
      proto.at = body.start;
      const owner = node.name === '' ? (node.outputs[0] ?? node.opType) : node.name;
      await this.readGraph(body, this.#uniquePrefix(graph.prefix, `${owner}.${name}`), graph, depth + 1);
    }
  }

  /** Nothing says that nodes have different names. */
  #uniquePrefix(outer: string, own: string): string {
    const first = `${outer}${own}/`;
    let prefix = first;
    for (let number = this.graphs.length; this.#prefixes.has(prefix); number++) {
      prefix = `${first.slice(0, -1)}#${number}/`;
    }
    this.#prefixes.add(prefix);
    return prefix;
  }

  #add(graph: OnnxGraph, tensor: TensorRecord | OmittedTensor | null): void {
    if (tensor === null) return;
    if ('reason' in tensor) {
      this.omitted.push(tensor);
      return;
    }
    const { name } = tensor;
    if (++this.#tensors > MAX_TENSORS) this.#tooMany('tensors', MAX_TENSORS);
    if (name === '') this.proto.fail('a tensor of the graph has no name', 'NAME_INVALID');
    if (!graph.add(tensor)) this.proto.fail(`tensor ${quoteName(name)} appears twice`, 'DUPLICATE_NAME');
  }

  #valueName(field: Field): string | Promise<string> {
    return this.proto.text(field, MAX_NAME_BYTES, 'the name of a value');
  }

  async #word(field: Field, what: string): Promise<string> {
    const text = await this.proto.text(field, MAX_NAME_BYTES, what);
    const known = this.#words.get(text);
    if (known !== undefined) return known;
    this.#words.set(text, text);
    return text;
  }

  #tooMany(what: string, limit: number): never {
    return this.proto.fail(`more than ${limit} ${what}`, 'COUNT_LIMIT');
  }
}
