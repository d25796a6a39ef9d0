// Mutations of GGUF headers by records: key-values and tensor infos dropped, doubled, moved and taken from elsewhere.

import type { Dice } from './dice.ts';
import type { Bytes, Mutator } from './mutation.ts';

const HEAD_BYTES = 24;
/** Bytes of the value types of gguf.h by id; 0 for strings (8) and arrays (9). */
const VALUE_BYTES = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];

interface Records {
  readonly keyValues: Bytes[];
  readonly infos: Bytes[];
  /** From the end of the last record on. */
  readonly rest: Bytes;
}

export const mutateGguf: Mutator = (bytes, dice, { other }) => {
  const own = recordsOf(bytes);
  if (own === null) return null;
  const foreign = recordsOf(other) ?? own;
  const list = dice.oneIn(2) ? 'keyValues' : 'infos';
  change(own[list], foreign[list], dice);
  if (dice.oneIn(4)) change(own.keyValues, foreign.keyValues, dice);
  const head = bytes.slice(0, HEAD_BYTES);
  const view = new DataView(head.buffer);
  if (!dice.oneIn(8)) view.setBigUint64(8, BigInt(own.infos.length), true);
  if (!dice.oneIn(8)) view.setBigUint64(16, BigInt(own.keyValues.length), true);
  const records = [head, ...own.keyValues, ...own.infos];
  const before = records.reduce((sum, record) => sum + record.length, 0);
  const padding = new Uint8Array(dice.oneIn(8) ? 0 : (32 - (before % 32)) % 32);
  return new Uint8Array(Buffer.concat([...records, padding, own.rest]));
};

function change(records: Bytes[], foreign: readonly Bytes[], dice: Dice): void {
  const at = dice.below(records.length + 1);
  const kind = dice.below(4);
  const record = records[at];
  if (kind === 0) records.splice(at, 1);
  else if (kind === 1 && record !== undefined) records.splice(dice.below(records.length + 1), 0, record);
  else if (kind === 2 && foreign.length > 0) records.splice(at, dice.below(2), dice.pick(foreign));
  else if (record !== undefined) {
    const spoiled = record.slice();
    spoiled[dice.below(spoiled.length)] = dice.oneIn(2) ? dice.below(256) : dice.below(14);
    records[at] = spoiled;
  }
}

/** A walk of its own, so that the reader's mistakes are not repeated here; null where it does not come through. */
function recordsOf(bytes: Bytes): Records | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = HEAD_BYTES;
  const u64 = (): number => {
    at += 8;
    return Number(view.getBigUint64(at - 8, true));
  };
  const u32 = (): number => {
    at += 4;
    return view.getUint32(at - 4, true);
  };
  const skipString = (): void => {
    at += u64();
  };
  const skipValue = (type: number): void => {
    if (type === 8) skipString();
    else if (type !== 9) at += VALUE_BYTES[type] ?? Number.NaN;
    else {
      const items = u32();
      for (let count = u64(); count > 0 && at <= bytes.length; count--) skipValue(items);
    }
  };
  const cut = (count: number, skip: () => void): Bytes[] =>
    Array.from({ length: Math.min(count, bytes.length) }, () => {
      const begin = at;
      skip();
      if (!(at <= bytes.length)) throw new RangeError('past the end');
      return bytes.slice(begin, at);
    });
  try {
    const tensors = Number(view.getBigUint64(8, true));
    const keyValues = cut(Number(view.getBigUint64(16, true)), () => {
      skipString();
      skipValue(u32());
    });
    const infos = cut(tensors, () => {
      skipString();
      at += u32() * 8 + 12;
    });
    return { keyValues, infos, rest: bytes.slice(Math.min(bytes.length, Math.ceil(at / 32) * 32)) };
  } catch (error) {
    if (error instanceof RangeError) return null; // DataView's own, or that of `cut`
    throw error;
  }
}
