// The levels of GGUF blocks as GPTQ asks for them: scales by the type's own quantizer on what the block's weights are by
// then, levels by its decoder, codes wherever the rounding puts them. The bytes decode to exactly those levels.

import { QuantscopeError } from '../../base/errors.ts';
import { decodeToF32 } from '../../kernels/decode.ts';
import { encodeFromF32 } from '../../kernels/encode.ts';
import { at } from '../../kernels/reference/at.ts';
import type { Kernels } from '../../kernels/wasm.ts';
import { dtypeInfo, storedBytes } from '../../tensor/dtype.ts';
import type { GgufTarget } from '../ggufTypes.ts';
import type { Levels } from '../gptq/gptq.ts';
import { type CodePattern, codePattern } from './codePattern.ts';

/** Bytes past the last element that vector loads may touch. */
const SLACK_BYTES = 64;

export interface BlockSize {
  readonly type: GgufTarget;
  readonly rows: number;
  /** A whole number of blocks, quantized in their order. */
  readonly columns: number;
}

export class BlockLevels implements Levels {
  /** [rows, blocks]: the tensor's bytes once every weight is rounded. */
  readonly bytes: Uint8Array;
  readonly #kernels: Kernels;
  readonly #size: BlockSize;
  readonly #pattern: CodePattern;
  readonly #blockElements: number;
  readonly #blockBytes: number;
  /** [rows, codes, blockElements]: of the block each row has reached. */
  readonly #levels: Float32Array;
  readonly #values: number;
  readonly #blocks: number;
  readonly #weights: number;

  /**
   * @param weights one per column, for the quantizer's choice of scales
   * @throws TYPE_UNKNOWN for types without codes, MEMORY_LIMIT; the arena's scratch is the caller's to give back
   */
  constructor(kernels: Kernels, size: BlockSize, weights: Float32Array) {
    const { type, rows, columns } = size;
    const pattern = codePattern(type);
    if (pattern === null) throw new QuantscopeError('TYPE_UNKNOWN', `${type} has no codes to choose`);
    const { blockElements, blockBytes } = dtypeInfo(type);
    const { arena } = kernels;
    this.#kernels = kernels;
    this.#size = size;
    this.#pattern = pattern;
    this.#blockElements = blockElements;
    this.#blockBytes = blockBytes;
    this.bytes = new Uint8Array(storedBytes(type, rows * columns));
    this.#levels = new Float32Array(rows * pattern.codes * blockElements);
    this.#values = arena.alloc(pattern.codes * blockElements * 4 + SLACK_BYTES);
    this.#blocks = arena.alloc(pattern.codes * blockBytes + SLACK_BYTES);
    this.#weights = arena.alloc(columns * 4 + SLACK_BYTES);
    arena.f32(this.#weights, columns).set(weights);
  }

  reach(row: number, place: number, w: Float64Array): void {
    const elements = this.#blockElements;
    if (place % elements !== 0) return;
    const { arena } = this.#kernels;
    const { type } = this.#size;
    const { codes } = this.#pattern;
    arena.f32(this.#values, elements).set(w.subarray(place, place + elements));
    encodeFromF32(this.#kernels, type, this.#values, this.#blocks, 1, elements, this.#weights + 4 * place);
    const block = arena.u8(this.#blocks, this.#blockBytes).slice();
    this.bytes.set(block, this.#startOf(row, place));
    this.#pattern.spread(block, arena.u8(this.#blocks, codes * this.#blockBytes));
    decodeToF32(this.#kernels, type, this.#blocks, this.#values, codes * elements);
    this.#levels.set(arena.f32(this.#values, codes * elements), row * codes * elements);
  }

  round(row: number, column: number, w: number): number {
    const elements = this.#blockElements;
    const { codes } = this.#pattern;
    const i = column % elements;
    const first = row * codes * elements + i;
    const code = nearest(this.#levels, first, elements, codes, w);
    this.#pattern.set(this.bytes, this.#startOf(row, column), i, code);
    return at(this.#levels, first + code * elements);
  }

  #startOf(row: number, column: number): number {
    const blocks = this.#size.columns / this.#blockElements;
    return (row * blocks + Math.floor(column / this.#blockElements)) * this.#blockBytes;
  }
}

/**
 * Place of the nearest of `count` levels, `stride` apart, all rising or all falling; of equally near ones the first.
 */
function nearest(levels: Float32Array, first: number, stride: number, count: number, w: number): number {
  const level = (code: number): number => at(levels, first + code * stride);
  const sign = level(count - 1) < level(0) ? -1 : 1;
  let [low, high] = [0, count - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (sign * level(middle) <= sign * w) low = middle;
    else high = middle;
  }
  return Math.abs(w - level(low)) <= Math.abs(w - level(high)) ? low : high;
}
