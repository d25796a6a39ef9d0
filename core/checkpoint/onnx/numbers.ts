// Repeated numeric fields without one width for all: varints, and floats that each have a tag of their own.

import { type Field, type Protobuf, WIRE } from './protobuf.ts';

export type NumberForm = 'varint' | 'float32' | 'float64';

const WIDTHS = { float32: 4, float64: 8 } as const;

/**
 * Every occurrence of a field, packed or not, from its first one on to the end of its message.
 *
 * @returns at most `limit` + 1 numbers: one too many tells that there are more
 * @throws HEADER_INVALID, HEADER_TRUNCATED
 */
export async function readNumbers(
  proto: Protobuf,
  first: Field,
  end: number,
  form: NumberForm,
  limit: number,
): Promise<number[]> {
  const numbers: number[] = [];
  proto.at = first.end;
  for (let field = first; ; field = proto.field(end)) {
    if (field.number === first.number) {
      if (field.wire === WIRE.varint) numbers.push(field.value);
      else await readPacked(proto, field, form, numbers, limit);
    }
    proto.at = field.end;
    if (proto.at >= end || numbers.length > limit) return numbers;
    if (!proto.ready) await proto.refill();
  }
}

/** One number of a fixed width is a packed field of one. */
async function readPacked(
  proto: Protobuf,
  field: Field,
  form: NumberForm,
  numbers: number[],
  limit: number,
): Promise<void> {
  if (form === 'varint') proto.expect(field, WIRE.bytes);
  proto.at = field.start;
  while (proto.at < field.end && numbers.length <= limit) {
    if (form === 'varint') {
      if (!proto.ready) await proto.refill();
      numbers.push(proto.varint());
    } else {
      if (!proto.ready) await proto.need(WIDTHS[form]);
      numbers.push(form === 'float32' ? proto.float32() : proto.float64());
      proto.at += WIDTHS[form];
    }
  }
  if (proto.at > field.end)
    proto.fail(`a number leaves its field, which ends at byte ${field.end}`, 'HEADER_TRUNCATED');
}
