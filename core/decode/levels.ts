// What each code stands for, as a table of 2^bits float32.

import { QuantscopeError } from '../base/errors.ts';
import { float4Value, float8E4M3Value, float8E5M2Value } from '../kernels/reference/smallFloats.ts';
import type { CodeValues } from '../tensor/storage.ts';
import { type FilePaths, readExtent } from './extent.ts';

const known = new Map<string, Float32Array>();

/** @throws PACKING_INVALID when the kind of values or a table needs other codes than `bits` wide ones */
export function levelsOf(files: FilePaths, values: CodeValues, bits: number): Float32Array {
  const count = 1 << bits;
  if (typeof values === 'object')
    return 'table' in values ? readTable(files, values.table, count) : numbers(values.numbers, count);
  const key = `${values} ${bits}`;
  let levels = known.get(key);
  if (levels === undefined) {
    levels = computed(values, bits);
    known.set(key, levels);
  }
  return levels;
}

function computed(values: Exclude<CodeValues, object>, bits: number): Float32Array {
  const needed = values === 'E2M1' ? 4 : values === 'F8_E4M3' || values === 'F8_E5M2' ? 8 : bits;
  if (bits !== needed) throw new QuantscopeError('PACKING_INVALID', `${values} values in codes of ${bits} bits`);
  return Float32Array.from({ length: 1 << bits }, (_, code) => levelOf(values, code, bits));
}

function levelOf(values: Exclude<CodeValues, object>, code: number, bits: number): number {
  switch (values) {
    case 'unsigned':
      return code;
    case 'signed':
      return (code << (32 - bits)) >> (32 - bits);
    case 'F8_E4M3':
      return float8E4M3Value(code);
    case 'F8_E5M2':
      return float8E5M2Value(code);
    case 'E2M1':
      return float4Value(code);
  }
}

function readTable(files: FilePaths, extent: Parameters<typeof readExtent>[1], count: number): Float32Array {
  const bytes = new Uint8Array(count * 4);
  readExtent(files, extent, 0, bytes);
  const view = new DataView(bytes.buffer);
  return Float32Array.from({ length: count }, (_, i) => view.getFloat32(i * 4, true));
}

function numbers(list: readonly number[], count: number): Float32Array {
  if (list.length !== count)
    throw new QuantscopeError('PACKING_INVALID', `a table of ${list.length} values, the codes need ${count}`);
  return Float32Array.from(list);
}
