// The bytes of GGUF blocks on the GPU, gathered from codes and scales; what a recipe of a type is.

import { type DType, dtypeInfo, storedBytes } from '../../tensor/dtype.ts';
import type { ColumnWeights } from './importance.ts';
import type { GpuKernel } from './kernel.ts';
import { byteReader, itemKernel, type Passes, type Words } from './passes.ts';

/** What is quantized: whole blocks, and whole rows where a type needs them. */
export interface Tile {
  readonly values: Words;
  readonly columns: number;
  readonly weights: ColumnWeights | null;
}

/** Adds the passes of one type. @returns its blocks, the last word filled up with zeros */
export type Recipe = (passes: Passes, tile: Tile) => Words;

/** Gathers the blocks of a type. */
export interface Layout extends GpuKernel {
  readonly type: DType;
}

/**
 * @param scales buffers besides the codes
 * @param wgsl   declares `fn blockByte(block: u32, k: u32) -> u32`: byte k of a block in its low 8 bits. It calls
 *   `code(block, j)` for the code of value j, `half(a, k)` for byte k of a float32 as a half
 */
export function layout(type: DType, scales: readonly string[], wgsl: string): Layout {
  const { blockBytes, blockElements } = dtypeInfo(type);
  const kernel = itemKernel(
    `pack ${type}`,
    { reads: ['codes', ...scales], writes: ['packed'], sizes: ['bytes'] },
    /* wgsl */ `
${byteReader('codeAt', 'codes')}
fn code(block: u32, j: u32) -> u32 { return codeAt(block * ${blockElements}u + j); }
fn half(a: u32, k: u32) -> u32 { return halfBits(a) >> (8u * k); }
${wgsl}
fn item(i: u32) {
  var word = 0u;
  for (var at = 4u * i; at < min(4u * i + 4u, sizes.bytes); at++) {
    word |= (blockByte(at / ${blockBytes}u, at % ${blockBytes}u) & 255u) << (8u * (at & 3u));
  }
  packed[i] = word;
}`,
  );
  return { ...kernel, type };
}

/** @param codes one byte a value @param scales in the order of the layout */
export function pack(passes: Passes, kernel: Layout, codes: Words, ...scales: readonly Words[]): Words {
  const bytes = storedBytes(kernel.type, codes.length * 4);
  const packed = passes.make(Math.ceil(bytes / 4));
  passes.add(kernel, packed.length, [codes, ...scales, packed], [bytes]);
  return packed;
}
