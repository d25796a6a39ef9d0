// Q5_K: d, dmin, 12 bytes of scales, 32 bytes of fifth bits, 128 bytes of nibbles (176 bytes per 256 values).

import { nibbles } from './quantCodes';
import { quantizeScaleMinBlock } from './scaleMinBlock';
import { BLOCK, BLOCK_BYTES, CODES } from './superBlock';

/** ggml `quantize_q5_K`. @param weights `columns` floats shared by all rows, or 0 */
export function quantizeQ5_K(src: usize, dst: usize, rows: i32, columns: i32, weights: usize): void {
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column += BLOCK, src += BLOCK_BYTES, dst += 176) {
      const importance: usize = weights == 0 ? 0 : weights + ((<usize>column) << 2);
      quantizeScaleMinBlock(src, importance, 31, -0.5, 0.1, 15, dst);
      packHalf(dst + 16, 0);
      packHalf(dst + 16, 16);
    }
  }
}

/** Elements l…l + 15 of all sub-blocks: bit s of a fifth-bit byte belongs to sub-block s. */
// @ts-ignore: decorator
@inline
function packHalf(dst: usize, l: usize): void {
  const low = i8x16.splat(15);
  let fifth = i8x16.splat(0);
  for (let pair: usize = 0; pair < 4; pair++) {
    const even = v128.load(CODES + pair * 64 + l);
    const odd = v128.load(CODES + pair * 64 + l, 32);
    v128.store(dst + 32 + pair * 32 + l, nibbles(v128.and(even, low), v128.and(odd, low)));
    const bits = v128.or(i16x8.shr_u(v128.andnot(even, low), 4), i16x8.shr_u(v128.andnot(odd, low), 3));
    fifth = v128.or(fifth, i16x8.shl(bits, 2 * <i32>pair));
  }
  v128.store(dst + l, fifth);
}
