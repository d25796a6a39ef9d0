// Reading hostile JSON (config.json, tokenizer.json) one checked field at a time.

import { QuantscopeError } from './errors.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function objectAt(parent: JsonObject, key: string): JsonObject | null {
  const value = parent[key];
  return isObject(value) ? value : null;
}

export function arrayAt(parent: JsonObject, key: string): readonly unknown[] {
  const value = parent[key];
  return Array.isArray(value) ? value : [];
}

export function textAt(parent: JsonObject, key: string): string | null {
  const value = parent[key];
  return typeof value === 'string' ? value : null;
}

export function numberAt(parent: JsonObject, key: string): number | null {
  const value = parent[key];
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** A non-negative integer that GGUF can hold. */
export function countAt(parent: JsonObject, key: string): number | null {
  const value = numberAt(parent, key);
  return value !== null && Number.isInteger(value) && value >= 0 && value <= 0xffffffff ? value : null;
}

/** @throws HEADER_INVALID naming the file and the key */
export function neededCount(parent: JsonObject, key: string, file: string): number {
  const value = countAt(parent, key);
  if (value === null || value === 0)
    throw new QuantscopeError(
      'HEADER_INVALID',
      `${file}: ${key} is ${shown(parent[key])}, a positive integer is needed`,
    );
  return value;
}

/** A value cut to a length that fits in a sentence. */
export function shown(value: unknown): string {
  if (value === undefined) return 'missing';
  // JSON calls NaN and infinities, which GGUF files hold, null.
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.length <= 120 ? text : `${text.slice(0, 117)}…`;
}
