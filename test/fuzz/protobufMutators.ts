// Mutations of protobuf messages by fields, at any depth; lengths of the messages around follow.

import type { Dice } from './dice.ts';
import type { Bytes, Mutator } from './mutation.ts';

const MAX_DEPTH = 8;
/** By wire type; the others have lengths or end themselves. */
const FIXED_BYTES: Readonly<Record<number, number>> = { 1: 8, 5: 4 };
const VARINTS: readonly bigint[] = [0n, 1n, 2n, 7n, 16n, 127n, 128n, 1n << 31n, (1n << 32n) - 1n, 1n << 53n, 1n << 63n];

interface Field {
  number: number;
  wire: number;
  /** Without tag and length. */
  payload: Bytes;
}

export const mutateProtobuf: Mutator = (bytes, dice) => mutateMessage(bytes, dice, 0);

function mutateMessage(bytes: Bytes, dice: Dice, depth: number): Bytes | null {
  const fields = fieldsOf(bytes);
  if (fields === null || fields.length === 0) return null;
  const at = dice.below(fields.length);
  const field = fields[at];
  if (field === undefined) return null;
  if (field.wire === 2 && depth < MAX_DEPTH && !dice.oneIn(4)) {
    const inside = mutateMessage(field.payload, dice, depth + 1);
    if (inside !== null) {
      field.payload = inside;
      return join(fields, dice);
    }
  }
  change(fields, field, at, dice);
  return join(fields, dice);
}

function change(fields: Field[], field: Field, at: number, dice: Dice): void {
  switch (dice.below(6)) {
    case 0:
      fields.splice(at, 1);
      return;
    case 1:
      fields.splice(dice.below(fields.length + 1), 0, { ...field });
      return;
    case 2:
      field.number = 1 + dice.below(32);
      return;
    case 3:
      [field.payload, field.wire] = [varint(dice.pick(VARINTS)), 0];
      return;
    case 4: {
      const payload = field.payload.slice();
      if (payload.length > 0) payload[dice.below(payload.length)] = dice.below(256);
      field.payload = payload;
      return;
    }
    default:
      field.payload = new Uint8Array(Buffer.concat([field.payload, field.payload]));
  }
}

function join(fields: readonly Field[], dice: Dice): Bytes {
  const parts = fields.flatMap(({ number, wire, payload }) => {
    const tag = varint(BigInt(number * 8 + wire));
    if (wire !== 2) return [tag, payload];
    const claimed = dice.oneIn(64) ? dice.pick(VARINTS) : BigInt(payload.length);
    return [tag, varint(claimed), payload];
  });
  return new Uint8Array(Buffer.concat(parts));
}

function fieldsOf(bytes: Bytes): Field[] | null {
  const fields: Field[] = [];
  let at = 0;
  const number = (): number => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = bytes[at++];
      if (byte === undefined || shift > 2 ** 56) return Number.NaN;
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = number();
    const wire = tag % 8;
    const before = at;
    let length = FIXED_BYTES[wire] ?? Number.NaN;
    if (wire === 2) length = number();
    const from = at;
    if (wire === 0) {
      number();
      length = at - before;
    }
    if (!(from + length <= bytes.length) || tag < 8) return null;
    fields.push({ number: Math.floor(tag / 8), wire, payload: bytes.slice(from, from + length) });
    at = from + length;
  }
  return fields;
}

function varint(value: bigint): Bytes {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push(Number(rest & 127n) | (rest > 127n ? 128 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Uint8Array.from(bytes);
}
