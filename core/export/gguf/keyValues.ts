// GGUF key-values as finished bytes: built here for new files, copied unread from old ones.

import { QuantscopeError } from '../../base/errors.ts';

/** gguf.h `enum gguf_type`. */
const TYPE = { u32: 4, i32: 5, f32: 6, bool: 7, string: 8, array: 9 } as const;

/** One entry as it stands in the file: key, type, value. */
export interface KeyValue {
  readonly key: string;
  readonly bytes: Uint8Array;
}

export function u32(key: string, value: number): KeyValue {
  if (!Number.isInteger(value) || value < 0 || value > 0xffffffff)
    throw new QuantscopeError('HEADER_INVALID', `${key} is ${value}, GGUF stores 0 to 4294967295`);
  return entry(
    key,
    TYPE.u32,
    fourBytes((view) => view.setUint32(0, value, true)),
  );
}

export function f32(key: string, value: number): KeyValue {
  return entry(
    key,
    TYPE.f32,
    fourBytes((view) => view.setFloat32(0, value, true)),
  );
}

export function bool(key: string, value: boolean): KeyValue {
  return entry(key, TYPE.bool, Uint8Array.of(value ? 1 : 0));
}

export function text(key: string, value: string): KeyValue {
  return entry(key, TYPE.string, stringBytes(value));
}

export function textArray(key: string, values: readonly string[]): KeyValue {
  return entry(key, TYPE.array, concat([arrayHead(TYPE.string, values.length), ...values.map(stringBytes)]));
}

export function f32Array(key: string, values: Float32Array): KeyValue {
  const body = new Uint8Array(values.length * 4);
  const view = new DataView(body.buffer);
  values.forEach((value, i) => {
    view.setFloat32(i * 4, value, true);
  });
  return entry(key, TYPE.array, concat([arrayHead(TYPE.f32, values.length), body]));
}

export function i32Array(key: string, values: Int32Array): KeyValue {
  const body = new Uint8Array(values.length * 4);
  const view = new DataView(body.buffer);
  values.forEach((value, i) => {
    view.setInt32(i * 4, value, true);
  });
  return entry(key, TYPE.array, concat([arrayHead(TYPE.i32, values.length), body]));
}

/** Replaces entries of the same key where they stand and appends the others: order is kept. */
export function withKeyValues(entries: readonly KeyValue[], changes: readonly KeyValue[]): KeyValue[] {
  const byKey = new Map(changes.map((change) => [change.key, change]));
  const kept = entries.map((old) => byKey.get(old.key) ?? old);
  const present = new Set(entries.map((old) => old.key));
  return [...kept, ...changes.filter((change) => !present.has(change.key))];
}

/** u64 length and UTF-8 bytes, no terminator. */
export function stringBytes(value: string): Uint8Array {
  const bytes = new TextEncoder().encode(value);
  const out = new Uint8Array(8 + bytes.length);
  new DataView(out.buffer).setBigUint64(0, BigInt(bytes.length), true);
  out.set(bytes, 8);
  return out;
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function entry(key: string, type: number, value: Uint8Array): KeyValue {
  return { key, bytes: concat([stringBytes(key), typeBytes(type), value]) };
}

function arrayHead(type: number, count: number): Uint8Array {
  const out = new Uint8Array(12);
  const view = new DataView(out.buffer);
  view.setUint32(0, type, true);
  view.setBigUint64(4, BigInt(count), true);
  return out;
}

function typeBytes(type: number): Uint8Array {
  return fourBytes((view) => view.setUint32(0, type, true));
}

function fourBytes(fill: (view: DataView) => void): Uint8Array {
  const out = new Uint8Array(4);
  fill(new DataView(out.buffer));
  return out;
}
