// A type's code layout as bytes and masks: reading nothing, writing codes into blocks whose scales stay.

import { at } from '../../kernels/reference/at.ts';
import { type DType, dtypeInfo } from '../../tensor/dtype.ts';
import { type CodeLayout, codeLayout } from './codeLayout.ts';

/** Made once per type. */
export class CodePattern {
  readonly codes: number;
  readonly #blockBytes: number;
  readonly #first: number;
  readonly #fields: readonly ReturnType<CodeLayout['fields']>[];
  /** [blockBytes]: bits that hold codes. */
  readonly #mask: Uint8Array;
  /** [codes, blockBytes]: a block's code bits when all its elements have the code. */
  readonly #filled: Uint8Array;

  constructor(type: DType, { codes, first, fields }: CodeLayout) {
    const { blockElements, blockBytes } = dtypeInfo(type);
    this.codes = codes;
    this.#blockBytes = blockBytes;
    this.#first = first;
    this.#fields = Array.from({ length: blockElements }, (_, i) => fields(i));
    this.#mask = new Uint8Array(blockBytes);
    for (const { byte, shift, bits } of this.#fields.flat())
      this.#mask[byte] = at(this.#mask, byte) | ((2 ** bits - 1) << shift);
    this.#filled = new Uint8Array(codes * blockBytes);
    for (let code = 0; code < codes; code++)
      for (let i = 0; i < blockElements; i++) this.set(this.#filled, code * blockBytes, i, code);
  }

  /** Writes the code of element i of the block at `start`. */
  set(bytes: Uint8Array, start: number, i: number, code: number): void {
    const stored = code + this.#first;
    for (const { byte, shift, bits, from } of this.#fields[i] ?? []) {
      const ones = 2 ** bits - 1;
      const kept = at(bytes, start + byte) & ~(ones << shift);
      bytes[start + byte] = kept | (((stored >> from) & ones) << shift);
    }
  }

  /** The block once for every code, all its elements with that code. @param out [codes, blockBytes] */
  spread(block: Uint8Array, out: Uint8Array): void {
    const size = this.#blockBytes;
    for (let k = 0; k < out.length; k++)
      out[k] = (at(block, k % size) & ~at(this.#mask, k % size)) | at(this.#filled, k);
  }
}

const patterns = new Map<DType, CodePattern | null>();

/** @returns null for types without blocks */
export function codePattern(type: DType): CodePattern | null {
  const known = patterns.get(type);
  if (known !== undefined) return known;
  const layout = codeLayout(type);
  const pattern = layout === null ? null : new CodePattern(type, layout);
  patterns.set(type, pattern);
  return pattern;
}
