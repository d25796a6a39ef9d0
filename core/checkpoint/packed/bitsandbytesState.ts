// The JSON that bitsandbytes stores beside 4-bit weights: what is no tensor of its QuantState.

import type { StoredTensor } from '../format.ts';
import { invalid, leaveAsStored, type PackingContext } from './packing.ts';
import { integerAt } from './quantizationConfig.ts';

/** It has some 200 bytes. */
const MAX_STATE_BYTES = 4096;
/** Real weights have two; convolutions four. */
const MAX_RANK = 8;

export interface QuantState {
  readonly shape: readonly number[];
  /** Elements that share an absmax. */
  readonly blocksize: number;
  /** Present when the absmax values are quantized too. */
  readonly nested: { readonly blocksize: number; readonly offset: number } | null;
}

/** Last part of the name of the JSON. */
export function isQuantType(attribute: string): attribute is 'bitsandbytes__nf4' | 'bitsandbytes__fp4' {
  return attribute === 'bitsandbytes__nf4' || attribute === 'bitsandbytes__fp4';
}

/** @throws PACKING_INVALID naming the entry that is wrong */
export function parseQuantState(context: PackingContext, tensor: StoredTensor, attribute: string): QuantState {
  if (tensor.bytes > MAX_STATE_BYTES) invalid(context, tensor, `has ${tensor.bytes} bytes, limit ${MAX_STATE_BYTES}`);
  const bytes = context.contents(tensor) ?? leaveAsStored('their quant_state cannot be read');
  const entries = parseObject(context, tensor, bytes);
  if (entries.quant_type !== attribute.replace('bitsandbytes__', '')) {
    invalid(context, tensor, 'says another quant_type than its name');
  }
  return {
    shape: shapeAt(entries) ?? invalid(context, tensor, 'holds no shape of positive integers'),
    blocksize: positiveAt(entries, 'blocksize') ?? invalid(context, tensor, 'holds no positive blocksize'),
    nested: nestedOf(context, tensor, entries),
  };
}

function nestedOf(context: PackingContext, tensor: StoredTensor, entries: Entries): QuantState['nested'] {
  if (!Object.hasOwn(entries, 'nested_blocksize')) return null;
  const blocksize = positiveAt(entries, 'nested_blocksize');
  const offset = entries.nested_offset;
  if (blocksize === null || typeof offset !== 'number') {
    invalid(context, tensor, 'holds no positive nested_blocksize and nested_offset');
  }
  return { blocksize, offset };
}

type Entries = Readonly<Record<string, unknown>>;

function parseObject(context: PackingContext, tensor: StoredTensor, bytes: Uint8Array): Entries {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    invalid(context, tensor, 'is not valid JSON');
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Entries;
  return invalid(context, tensor, 'is no JSON object');
}

function positiveAt(entries: Entries, key: string): number | null {
  const value = integerAt(entries, key);
  return value !== null && value > 0 ? value : null;
}

/** Products beyond 2^53 cannot match the bytes of any file. */
function shapeAt({ shape }: Entries): readonly number[] | null {
  if (!Array.isArray(shape) || shape.length < 1 || shape.length > MAX_RANK) return null;
  const sizes = shape as readonly unknown[];
  return sizes.every((size) => Number.isSafeInteger(size) && (size as number) > 0) ? (sizes as number[]) : null;
}
