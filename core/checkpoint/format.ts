// What a format's reader must provide, and what it gives back. A new format is one folder and one line in registry.ts.

import type { DType } from '../tensor/dtype.ts';
import type { CheckpointFile, CheckpointFormat, MetadataValue } from './checkpoint.ts';
import type { ModelConfig } from './config.ts';
import type { GgufDetails } from './gguf/details.ts';

/** A tensor as its file describes it, before it is placed in a network. */
export interface StoredTensor {
  readonly name: string;
  readonly dtype: DType;
  /** Row-major, slowest dimension first. */
  readonly shape: readonly number[];
  readonly elements: number;
  readonly bytes: number;
  /** Index into the files read. */
  readonly file: number;
  /** Absolute byte offset inside that file. */
  readonly offset: number;
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
}

export interface FormatReader {
  readonly format: CheckpointFormat;
  /** Ends of file names, lower case, with the dot. */
  readonly extensions: readonly string[];
  /** True when a file beginning with these bytes (HEAD_BYTES, or all of a shorter file) can only be this format. */
  recognizes(head: Uint8Array): boolean;
  /** Which of a folder's files make one checkpoint; null when there is none. @throws FORMAT_UNKNOWN when ambiguous */
  choose(folder: string, names: readonly string[]): readonly string[] | null;
  /** The configuration that goes with the weights, for formats that keep it beside them. */
  readConfig(paths: readonly string[]): Promise<ModelConfig>;
  /** Reads headers only. `paths` is one file, or several that together are one checkpoint. */
  read(paths: readonly string[], signal: AbortSignal | undefined): Promise<ReadCheckpoint>;
}

/** Enough to tell formats apart: magic numbers, a header length, the start of a Git-LFS pointer. */
export const HEAD_BYTES = 8;
