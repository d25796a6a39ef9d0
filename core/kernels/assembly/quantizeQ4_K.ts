// Q4_K: d, dmin, 12 bytes of scales, 128 bytes of nibbles (144 bytes per 256 values).

import { nibbles } from './quantCodes';
import { quantizeScaleMinBlock } from './scaleMinBlock';
import { BLOCK, BLOCK_BYTES, CODES } from './superBlock';

/** ggml `quantize_q4_K`. @param weights `columns` floats shared by all rows, or 0 */
export function quantizeQ4_K(src: usize, dst: usize, rows: i32, columns: i32, weights: usize): void {
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column += BLOCK, src += BLOCK_BYTES, dst += 144) {
      const importance: usize = weights == 0 ? 0 : weights + ((<usize>column) << 2);
      quantizeScaleMinBlock(src, importance, 15, -1, 0.1, 20, dst);
      for (let pair: usize = 0; pair < 4; pair++) {
        const from = CODES + pair * 64;
        const to = dst + 16 + pair * 32;
        v128.store(to, nibbles(v128.load(from), v128.load(from, 32)));
        v128.store(to, nibbles(v128.load(from, 16), v128.load(from, 48)), 16);
      }
    }
  }
}
