// Quantized blocks of a big-endian GGUF as little-endian machines store them: only words of several bytes differ.

import { type DType, dtypeInfo } from '../tensor/dtype.ts';

/** `count` words of `bytes` each, the first at byte `at` of the block, `stride` bytes from one to the next. */
interface Words {
  readonly at: number;
  readonly bytes: 2 | 4;
  readonly count: number;
  readonly stride: number;
}

const half = (at: number): Words => ({ at, bytes: 2, count: 1, stride: 2 });
const u16s = (at: number, count: number): Words => ({ at, bytes: 2, count, stride: 2 });
const u32s = (at: number, count: number, stride = 4): Words => ({ at, bytes: 4, count, stride });

/**
 * What ggml's own decoders (ggml-quants.c `dequantize_row_*`, layouts in ggml-common.h) read as 16- and 32-bit words,
 * and with them gguf-py's gguf_convert_endian for the types it knows. MXFP4 and NVFP4 consist of bytes alone. The packed
 * scales of Q3_K are masked byte by byte and keep their order.
 */
const WORDS: Partial<Record<DType, readonly Words[]>> = {
  Q1_0: [half(0)],
  Q2_0: [half(0)],
  Q4_0: [half(0)],
  Q4_1: [half(0), half(2)],
  Q5_0: [half(0), u32s(2, 1)],
  Q5_1: [half(0), half(2), u32s(4, 1)],
  Q8_0: [half(0)],
  Q8_1: [half(0), half(2)],
  Q2_K: [half(80), half(82)],
  Q3_K: [half(108)],
  Q4_K: [half(0), half(2)],
  Q5_K: [half(0), half(2)],
  Q6_K: [half(208)],
  Q8_K: [u32s(0, 1), u16s(260, 16)],
  // Eight groups of four grid indices, which are bytes, and one word of signs and scale.
  IQ2_XXS: [half(0), u32s(6, 8, 8)],
  IQ2_XS: [half(0), u16s(2, 32)],
  IQ2_S: [half(0)],
  IQ3_XXS: [half(0), u32s(66, 8)],
  IQ3_S: [half(0)],
  IQ1_S: [half(0), u16s(34, 8)],
  IQ1_M: [u16s(48, 4)],
  IQ4_NL: [half(0)],
  IQ4_XS: [half(0), half(2)],
  TQ1_0: [half(52)],
  TQ2_0: [half(64)],
};

/**
 * Turns whole blocks from big to little endian, in place (and back: swapping twice changes nothing).
 *
 * @param dtype a block type; any other is left as it is
 * @param bytes a whole number of blocks
 */
export function swapBlocks(dtype: DType, bytes: Uint8Array): void {
  const { blockBytes } = dtypeInfo(dtype);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const words of WORDS[dtype] ?? []) {
    for (let block = 0; block < bytes.length; block += blockBytes) {
      for (let word = 0; word < words.count; word++) {
        const at = block + words.at + word * words.stride;
        if (words.bytes === 2) view.setUint16(at, view.getUint16(at, false), true);
        else view.setUint32(at, view.getUint32(at, false), true);
      }
    }
  }
}
