// What every format's reader gives back: headers only, no tensor data.

import type { CheckpointFormat } from '../base/checkpointFormats.ts';
import type { ModelMap, TensorPlace } from '../model/places.ts';
import { type DType, dtypeInfo } from '../tensor/dtype.ts';
import type { TensorStorage } from '../tensor/storage.ts';
import type { Companion } from './companions/companion.ts';
import type { GgufDetails } from './gguf/details.ts';
import type { ImatrixDetails } from './imatrixDetails.ts';

/** GGUF key-values and safetensors `__metadata__`, as JSON-like values; 64-bit integers as bigint. */
export type MetadataValue = string | number | bigint | boolean | readonly MetadataValue[];

export interface CheckpointFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

export interface TensorInfo extends TensorPlace {
  /** Position in `Checkpoint.tensors`. */
  readonly index: number;
  readonly name: string;
  readonly dtype: DType;
  /** Row-major, slowest dimension first (PyTorch order), also for GGUF. */
  readonly shape: readonly number[];
  readonly elements: number;
  /** All stored bytes, scales and indices of packed tensors included. */
  readonly bytes: number;
  /** Index into `Checkpoint.files`. */
  readonly file: number;
  /** Absolute byte offset inside that file. */
  readonly offset: number;
  /** Absent when the elements follow each other, row-major and little-endian, from `offset` on. */
  readonly storage?: TensorStorage;
}

export interface Checkpoint {
  readonly format: CheckpointFormat;
  /** What the user opened: a file, a folder or an index. */
  readonly path: string;
  /** A short display name. */
  readonly name: string;
  readonly files: readonly CheckpointFile[];
  readonly metadata: Readonly<Record<string, MetadataValue>>;
  /** Parsed `config.json` of a Hugging Face folder, when there is one beside the weights. */
  readonly config: Readonly<Record<string, unknown>> | null;
  readonly model: ModelMap;
  readonly tensors: readonly TensorInfo[];
  /** Things worth telling that do not stop the file from being used. */
  readonly warnings: readonly string[];
  /** Bytes read to build this object. */
  readonly bytesRead: number;
  /** Hash of paths' base names, sizes, modification times and headers; names cache entries and plans. */
  readonly fingerprint: string;
  /** What only GGUF files have: raw key-values for verbatim copies, alignment, version. */
  readonly gguf?: GgufDetails;
  /** Present when the file is an importance matrix: its tensors are [matrices, columns] mean squared activations. */
  readonly imatrix?: ImatrixDetails;
  /** Configuration, tokenizer and adapters beside the weights. */
  readonly companions: readonly Companion[];
}

/** Rows and columns as the quantizers see a tensor: columns = last dimension, rows = all others together. */
export function matrixShape(tensor: Pick<TensorInfo, 'shape' | 'elements'>): { rows: number; columns: number } {
  const columns = tensor.shape.at(-1) ?? 1;
  return { columns, rows: columns === 0 ? 0 : tensor.elements / columns };
}

/** Numbers that are weights; index and mask tensors are not parameters. */
export function isParameter({ dtype }: Pick<TensorInfo, 'dtype'>): boolean {
  const { kind } = dtypeInfo(dtype);
  return kind === 'float' || kind === 'block' || kind === 'packed';
}

/** Logical parameters of a model: what bits per weight are divided by. */
export function countParameters(tensors: readonly Pick<TensorInfo, 'dtype' | 'elements'>[]): number {
  return tensors.reduce((count, tensor) => count + (isParameter(tensor) ? tensor.elements : 0), 0);
}
