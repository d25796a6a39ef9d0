// What a format's reader must provide, and what it gives back. A new format is one folder and one line in registry.ts.

import type { CheckpointFormat } from '../base/checkpointFormats.ts';
import type { ByteSource } from '../io/byteSource.ts';
import type { DType } from '../tensor/dtype.ts';
import type { TensorStorage } from '../tensor/storage.ts';
import type { CheckpointFile, MetadataValue, TensorInfo } from './checkpoint.ts';
import type { ModelConfig } from './config.ts';
import type { GgufDetails } from './gguf/details.ts';
import type { ImatrixDetails } from './imatrixDetails.ts';

/** A tensor as its file describes it, before it is placed in a network. */
export interface StoredTensor {
  readonly name: string;
  readonly dtype: DType;
  /** Row-major, slowest dimension first. */
  readonly shape: readonly number[];
  readonly elements: number;
  /** All stored bytes, scales and indices of packed tensors included. */
  readonly bytes: number;
  /** Index into the files read. */
  readonly file: number;
  /** Absolute byte offset inside that file. */
  readonly offset: number;
  /** Absent when the elements follow each other, row-major and little-endian, from `offset` on. */
  readonly storage?: TensorStorage;
  /** A name that tells layer and role better than `name` does: graph formats name weights after their nodes. */
  readonly placeName?: string;
}

/** Its reader may still complete it. */
export type UnplacedTensor = { -readonly [Field in keyof TensorInfo]: TensorInfo[Field] };

/**
 * A tensor's one object, with room for its place in the network, which opening fills in: a million tensors are never
 * copied. For formats with that many; objects without the room work as well.
 */
export function storedTensor({ name, dtype, shape, elements, bytes, file, offset }: StoredTensor): UnplacedTensor {
  return {
    index: 0,
    name,
    dtype,
    shape,
    elements,
    bytes,
    file,
    offset,
    role: 'other',
    layer: null,
    stack: '',
    module: '',
  };
}

export interface ReadCheckpoint {
  readonly files: readonly CheckpointFile[];
  /** SHA-256 of every file's header bytes, in the order of `files`. */
  readonly headerDigests: readonly Uint8Array[];
  readonly metadata: Readonly<Record<string, MetadataValue>>;
  readonly tensors: readonly StoredTensor[];
  readonly warnings: readonly string[];
  readonly bytesRead: number;
  /** What only GGUF has. */
  readonly gguf?: GgufDetails;
  /** What only importance matrices have. */
  readonly imatrix?: ImatrixDetails;
}

/** 'surely': nothing else looks like this. 'maybe': worth trying. 'no': the reader would refuse it. */
export type Sniff = 'surely' | 'maybe' | 'no';

export interface FormatReader {
  readonly format: CheckpointFormat;
  /** Ends of file names, lower case, with the dot. */
  readonly extensions: readonly string[];
  /** What the first HEAD_BYTES (or all of a shorter file) tell; may look further into `source` for archives. */
  sniff(head: Uint8Array, source: ByteSource): Sniff | Promise<Sniff>;
  /** Which of a folder's files make one checkpoint; null when there is none. @throws FORMAT_UNKNOWN when ambiguous */
  choose(folder: string, names: readonly string[]): readonly string[] | null;
  /** The configuration that goes with the weights, for formats that keep it beside them. */
  readConfig(paths: readonly string[]): Promise<ModelConfig>;
  /** Reads headers only. `paths` is one file, or several that together are one checkpoint. */
  read(paths: readonly string[], signal: AbortSignal | undefined): Promise<ReadCheckpoint>;
}

/** Enough to tell formats apart: magic numbers (tar has its own at byte 257), a header length, a Git-LFS pointer. */
export const HEAD_BYTES = 512;
