// What only GGUF has: the key-values as they lie in the file, so that an exporter can copy them bit for bit.

import type { MetadataValue } from '../checkpoint.ts';
import type { GgufValueType } from './valueTypes.ts';

export interface GgufKeyValue {
  readonly key: string;
  readonly type: GgufValueType;
  /** For arrays: the type of the items and how many there are. */
  readonly items: { readonly type: GgufValueType; readonly count: number } | null;
  /** Index into `Checkpoint.files`. */
  readonly file: number;
  /** Where the whole record (key length, key, value type, value) lies: copy these bytes to keep it verbatim. */
  readonly offset: number;
  readonly bytes: number;
  /** Decoded on first use and kept; 64-bit integers as bigint. */
  readonly value: MetadataValue;
  /** The first items of an array without decoding the rest; other values whole. */
  preview(items: number): MetadataValue;
}

export interface GgufDetails {
  readonly version: number;
  readonly alignment: number;
  /** Byte order of every number in the first file, those of `keyValues` included. */
  readonly bigEndian: boolean;
  /** Of the first file, in file order; the other parts of a split carry only `split.*`. */
  readonly keyValues: readonly GgufKeyValue[];
  /** `general.architecture`, or null. */
  readonly architecture: string | null;
}
