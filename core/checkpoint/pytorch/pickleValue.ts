// What a pickle holds, as inert data: nothing of it is ever imported, called or compared by its own rules.

import type { DType } from '../../tensor/dtype.ts';

export type PickleValue = null | boolean | number | bigint | string | Uint8Array | PickleObject;

export type PickleObject = PickleList | PickleDict | PickleGlobal | PickleInstance | PickleStorage | PickleTensor;

/** Lists, tuples and sets: the reader never needs to tell them apart but for calls. */
export interface PickleList {
  readonly kind: 'list' | 'tuple' | 'set';
  readonly items: PickleValue[];
}

export interface PickleDict {
  readonly kind: 'dict';
  /** Left out while empty: every tensor comes with an empty dict of hooks. */
  entries?: Map<PickleValue, PickleValue>;
}

/** A class or function, by name only. */
export interface PickleGlobal {
  readonly kind: 'global';
  readonly module: string;
  readonly name: string;
}

/** Whatever calling or constructing a global would give, with everything that was handed to it. */
export interface PickleInstance {
  readonly kind: 'instance';
  /** "module.name" of the global. */
  readonly type: string;
  readonly args: readonly PickleValue[];
  readonly items: PickleValue[];
  readonly dict: PickleDict;
  /** What BUILD would set as attributes. */
  readonly states: PickleValue[];
}

/** Memory that tensors share, referred to by a persistent id. */
export interface PickleStorage {
  readonly kind: 'storage';
  readonly key: string;
  /** "FloatStorage", "UntypedStorage". */
  readonly type: string;
  /** As the id claims; of the type's dtype, bytes when untyped. */
  readonly elements: number;
  /** First element and length of a view of the storage (legacy files only). */
  readonly view?: { readonly offset: number; readonly elements: number };
}

export interface PickleTensor {
  readonly kind: 'tensor';
  readonly storage: PickleStorage;
  /** Null when the type is none of storageTypes.ts. */
  readonly dtype: DType | null;
  /** The dtype as the file calls it, for messages. */
  readonly dtypeName: string;
  /** In elements of the dtype. */
  readonly start: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly quantizer?: Quantizer;
}

/** value = (code − zero) · scale, for the whole tensor or per index of one dimension. */
export type Quantizer =
  | { readonly scale: number; readonly zero: number }
  | { readonly scales: PickleTensor; readonly zeros: PickleTensor; readonly axis: number };

export function isTuple(value: PickleValue): value is PickleList {
  return kindOf(value) === 'tuple';
}

export function isSequence(value: PickleValue): value is PickleList {
  const kind = kindOf(value);
  return kind === 'list' || kind === 'tuple' || kind === 'set';
}

/** The kind of an object, null for everything simpler. */
export function kindOf(value: PickleValue | undefined): PickleObject['kind'] | null {
  return typeof value === 'object' && value !== null && 'kind' in value ? value.kind : null;
}

export function isDict(value: PickleValue | undefined): value is PickleDict {
  return kindOf(value) === 'dict';
}

export function isInstance(value: PickleValue | undefined): value is PickleInstance {
  return kindOf(value) === 'instance';
}

export function isTensor(value: PickleValue | undefined): value is PickleTensor {
  return kindOf(value) === 'tensor';
}

export function isGlobal(value: PickleValue | undefined): value is PickleGlobal {
  return kindOf(value) === 'global';
}

export function globalPath({ module, name }: PickleGlobal): string {
  return `${module}.${name}`;
}
