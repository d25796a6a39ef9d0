// Where rounded tensors wait for their export: a file each, there whole or not at all.

import { join } from 'node:path';
import { isQuantscopeError } from '../base/errors.ts';
import { matrixShape, type TensorInfo } from '../checkpoint/checkpoint.ts';
import { type AtomicFile, createAtomicFile } from '../io/atomicFile.ts';
import { identify } from '../io/fileIdentity.ts';
import { makeFolder } from '../io/moveFolder.ts';
import type { GgufTarget } from '../quant/ggufTypes.ts';
import { storedBytes } from '../tensor/dtype.ts';
import type { TensorSource } from '../tensor/storage.ts';

export class RoundedFolder {
  readonly path: string;

  /** What earlier runs with the same Hessians left in it counts. */
  constructor(path: string) {
    this.path = path;
  }

  /** Where there is none. @throws OUTPUT_INVALID */
  make(): Promise<void> {
    return makeFolder(this.path);
  }

  async holds({ path, dtype, rows, columns }: TensorSource): Promise<boolean> {
    try {
      return (await identify(path)).sizeBytes === storedBytes(dtype, rows * columns);
    } catch (error) {
      if (isQuantscopeError(error) && error.code === 'FILE_NOT_FOUND') return false;
      throw error;
    }
  }

  /** Takes the tensor's blocks in the order of its rows. @throws DISK_FULL, OUTPUT_INVALID, FILE_UNREADABLE */
  create(tensor: TensorInfo, type: GgufTarget): Promise<AtomicFile> {
    return createAtomicFile(this.#fileOf(tensor, type), { expectedBytes: storedBytes(type, tensor.elements) });
  }

  /** What reads a tensor once it is there. */
  source(tensor: TensorInfo, type: GgufTarget): TensorSource {
    return { path: this.#fileOf(tensor, type), dtype: type, offset: 0, ...matrixShape(tensor) };
  }

  #fileOf({ index }: TensorInfo, type: GgufTarget): string {
    return join(this.path, `${index}.${type}`);
  }
}
