// Rounded tensors on their way into files, in the rows' order.

import { QuantscopeError } from '../base/errors.ts';
import type { TensorInfo } from '../checkpoint/checkpoint.ts';
import type { AtomicFile } from '../io/atomicFile.ts';
import type { GgufTarget } from '../quant/ggufTypes.ts';
import { storedBytes } from '../tensor/dtype.ts';
import type { RoundedFolder } from './roundedFolder.ts';

/** Files of a layer's tensors; those of all experts get the rows of one after the other. */
export class OpenTensors implements AsyncDisposable {
  readonly #folder: RoundedFolder;
  readonly #files = new Map<number, { readonly file: AtomicFile; readonly bytes: number }>();

  constructor(folder: RoundedFolder) {
    this.#folder = folder;
  }

  async file(tensor: TensorInfo, type: GgufTarget): Promise<AtomicFile> {
    const known = this.#files.get(tensor.index);
    if (known !== undefined) return known.file;
    const file = await this.#folder.create(tensor, type);
    this.#files.set(tensor.index, { file, bytes: storedBytes(type, tensor.elements) });
    return file;
  }

  async commitIfWhole({ index }: TensorInfo): Promise<void> {
    const { file, bytes } = this.#files.get(index) ?? {};
    if (file === undefined || file.writtenBytes !== bytes) return;
    await file.commit();
    this.#files.delete(index);
  }

  /** @throws INTERNAL */
  checkAllDone(): void {
    for (const { file, bytes } of this.#files.values())
      throw new QuantscopeError('INTERNAL', `${file.path}: ${file.writtenBytes} bytes rounded, ${bytes} expected`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { file } of this.#files.values()) await file.discard();
  }
}
