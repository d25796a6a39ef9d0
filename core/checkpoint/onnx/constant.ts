// Constant nodes: a tensor, or a number or a list of numbers given as an attribute.

import { MAX_NAME_BYTES } from '../../base/limits.ts';
import { FLOAT_TYPE, INT64_TYPE } from './dataTypes.ts';
import { readNumbers } from './numbers.ts';
import { type Field, type Protobuf, WIRE } from './protobuf.ts';
import { type OmittedTensor, readTensor, type TensorContext, type TensorRecord } from './tensorProto.ts';

/** onnx.proto, AttributeProto. */
const NAME = 1;
const FLOAT = 2;
const INT = 3;
const STRING = 4;
const TENSOR = 5;
const FLOATS = 7;
const INTS = 8;
const STRINGS = 9;
const SPARSE_TENSOR = 22;

/**
 * Reads one attribute of a Constant node, between `proto.at` and `end`.
 *
 * @param name of the value the node gives; the tensor's own name means nothing to the graph
 * @returns null for attributes without a value
 */
export async function readConstant(
  proto: Protobuf,
  end: number,
  context: TensorContext,
  name: string,
): Promise<TensorRecord | OmittedTensor | null> {
  const found = new Map<number, { count: number; first: Field }>();
  while (proto.at < end) {
    if (!proto.ready) await proto.refill();
    const field = proto.field(end);
    const known = found.get(field.number);
    if (known === undefined) found.set(field.number, { count: 1, first: field });
    else known.count++;
    // Which attribute it is follows from what it holds; its name is only checked for being one.
    if (field.number === NAME) await proto.text(field, MAX_NAME_BYTES, 'an attribute');
    proto.at = field.end;
  }
  const tensor = found.get(TENSOR)?.first;
  if (tensor !== undefined) {
    proto.expect(tensor, WIRE.bytes);
    proto.at = tensor.start;
    return readTensor(proto, tensor.end, context, name);
  }
  const numbers = [FLOAT, FLOATS, INT, INTS].map((number) => found.get(number)).find((one) => one !== undefined);
  if (numbers !== undefined) return readList(proto, end, context, name, numbers.first);
  if (found.has(STRING) || found.has(STRINGS)) return { name, reason: 'text' };
  if (found.has(SPARSE_TENSOR)) return { name, reason: 'sparse' };
  return null;
}

/** `value_float` and `value_int` are scalars, `value_floats` and `value_ints` are lists. */
async function readList(
  proto: Protobuf,
  end: number,
  context: TensorContext,
  name: string,
  first: Field,
): Promise<TensorRecord | OmittedTensor> {
  const isFloat = first.number === FLOAT || first.number === FLOATS;
  const scalar = first.number === FLOAT || first.number === INT;
  const numbers = await readNumbers(
    proto,
    first,
    end,
    isFloat ? 'float32' : 'varint',
    scalar ? 1 : context.numbersLeft,
  );
  const bytes = proto.at - first.start;
  proto.at = end;
  if (scalar && numbers.length > 1) numbers.length = 1;
  if (numbers.length > context.numbersLeft) return { name, reason: 'more numbers without fixed width than are read' };
  const elements = numbers.length;
  context.numbersLeft -= elements;
  const data = { kind: 'numbers', values: Float32Array.from(numbers), offset: first.start, bytes } as const;
  return { name, type: isFloat ? FLOAT_TYPE : INT64_TYPE, shape: scalar ? [] : [elements], elements, data };
}
