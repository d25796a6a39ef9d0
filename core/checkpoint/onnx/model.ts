// ModelProto: what the file says about itself, and its graphs.

import { MAX_NAME_BYTES, MAX_ONNX_NUMBERS } from '../../base/limits.ts';
import type { MetadataValue } from '../checkpoint.ts';
import { SharedShapes } from '../sharedShapes.ts';
import { decodeName } from '../tensorName.ts';
import { GraphReader } from './graphReader.ts';
import { type Field, type Protobuf, WIRE } from './protobuf.ts';

/** onnx.proto, ModelProto. */
const IR_VERSION = 1;
const PRODUCER_NAME = 2;
const PRODUCER_VERSION = 3;
const GRAPH = 7;
const OPSET_IMPORT = 8;
const METADATA_PROPS = 14;
const TRAINING_INFO = 20;
const FUNCTIONS = 25;
const OPSET_DOMAIN = 1;
const OPSET_VERSION = 2;
const ENTRY_KEY = 1;
const ENTRY_VALUE = 2;

/** Metadata is for reading: tokenizers and label lists of some exporters are cut here. */
const MAX_VALUE_BYTES = 65_536;
const MAX_ENTRIES = 4096;
const MAX_SHOWN_OPERATORS = 20;

export interface OnnxModel {
  readonly reader: GraphReader;
  readonly metadata: Readonly<Record<string, MetadataValue>>;
  readonly warnings: readonly string[];
}

/** @throws HEADER_INVALID when there is no graph, and what graph.ts throws */
export async function readModel(proto: Protobuf): Promise<OnnxModel> {
  const end = proto.source.sizeBytes;
  const reader = new GraphReader(proto, { numbersLeft: MAX_ONNX_NUMBERS, shapes: new SharedShapes() });
  const facts = new Map<string, MetadataValue>();
  const props: [string, string][] = [];
  const opsets: string[] = [];
  let [hasGraph, hasTraining] = [false, false];
  while (proto.at < end) {
    if (!proto.ready) await proto.refill();
    const field = proto.field(end);
    if (field.number === IR_VERSION) facts.set('ir_version', field.value);
    else if (field.number === PRODUCER_NAME) facts.set('producer_name', await shortText(proto, field));
    else if (field.number === PRODUCER_VERSION) facts.set('producer_version', await shortText(proto, field));
    else if (field.number === OPSET_IMPORT) opsets.push(await readOpset(proto, field));
    else if (field.number === METADATA_PROPS) props.push(await readEntry(proto, field));
    else if (field.number === GRAPH) {
      if (hasGraph) proto.fail('the model has two graphs');
      hasGraph = true;
      await reader.readGraph(field, '', null, 0);
    } else if (field.number === FUNCTIONS) await reader.readFunction(field);
    else if (field.number === TRAINING_INFO) hasTraining = true;
    if (opsets.length > MAX_ENTRIES || props.length > MAX_ENTRIES) {
      proto.fail(`more than ${MAX_ENTRIES} entries of metadata`, 'COUNT_LIMIT');
    }
    proto.at = field.end;
  }
  if (!hasGraph) proto.fail('the file has no graph');
  if (opsets.length > 0) facts.set('opset_import', opsets);
  if (reader.mainName !== '') facts.set('graph', reader.mainName);
  facts.set('nodes', reader.nodeCount);
  facts.set('operators', commonOperators(reader.opTypes));
  // A prefix keeps their keys apart from the model's own, "__proto__" included.
  for (const [key, value] of props) facts.set(`metadata_props.${key}`, value);
  const warnings = hasTraining ? [`${proto.source.name}: graphs for training are not looked at`] : [];
  return { reader, metadata: Object.fromEntries(facts), warnings };
}

function commonOperators(opTypes: ReadonlyMap<string, number>): string[] {
  const sorted = [...opTypes].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  return sorted.slice(0, MAX_SHOWN_OPERATORS).map(([name, count]) => `${name} × ${count}`);
}

async function readOpset(proto: Protobuf, message: Field): Promise<string> {
  let [domain, version] = ['', 0];
  proto.expect(message, WIRE.bytes);
  while (proto.at < message.end) {
    if (!proto.ready) await proto.refill();
    const field = proto.field(message.end);
    if (field.number === OPSET_DOMAIN) domain = await shortText(proto, field);
    else if (field.number === OPSET_VERSION) version = field.value;
    proto.at = field.end;
  }
  return `${domain === '' ? 'ai.onnx' : domain} ${version}`;
}

async function readEntry(proto: Protobuf, message: Field): Promise<[string, string]> {
  let [key, value] = ['', ''];
  proto.expect(message, WIRE.bytes);
  while (proto.at < message.end) {
    if (!proto.ready) await proto.refill();
    const field = proto.field(message.end);
    if (field.number === ENTRY_KEY) key = await shortText(proto, field);
    else if (field.number === ENTRY_VALUE) value = await cutText(proto, field);
    proto.at = field.end;
  }
  return [key, value];
}

function shortText(proto: Protobuf, field: Field): string | Promise<string> {
  return proto.text(field, MAX_NAME_BYTES, 'a text');
}

/** The beginning of a long value; a character cut in half is dropped. */
async function cutText(proto: Protobuf, field: Field): Promise<string> {
  proto.expect(field, WIRE.bytes);
  const where = (): string => `${proto.source.name}: a value of metadata at byte ${field.start}`;
  if (field.end - field.start <= MAX_VALUE_BYTES) return decodeName(await proto.bytes(field), where);
  const bytes = await proto.bytes({ ...field, end: field.start + MAX_VALUE_BYTES });
  let end = bytes.length;
  while (end > 0 && ((bytes[end] ?? 0x80) & 0xc0) === 0x80) end--;
  return `${decodeName(bytes.subarray(0, end), where)}…`;
}
