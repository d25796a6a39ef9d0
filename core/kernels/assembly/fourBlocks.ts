// Up to four consecutive 32-element blocks of a row, with their importance, side by side for the lane searches.

import { interleave4 } from './lanes';
import { LANES_W, LANES_X } from './superBlock';

// @ts-ignore: decorator
@inline const BLOCK_BYTES: usize = 128;

const values = memory.data(512, 16);
const importance = memory.data(512, 16);

/** Mean of x² over a row, added up in order. */
export function meanSquare(row: usize, columns: i32): f32 {
  let sum: f32 = 0;
  const end = row + ((<usize>columns) << 2);
  for (let at = row; at < end; at += 4) {
    const v = load<f32>(at);
    sum += v * v;
  }
  return sum / <f32>columns;
}

/** Fills LANES_X with x and LANES_W with weight · √(sigma2 + x²); blocks beyond `count` are zero. */
export function interleaveBlocks(src: usize, weights: usize, count: i32, sigma2: f32): void {
  const bytes = (<usize>count) * BLOCK_BYTES;
  const variance = f32x4.splat(sigma2);
  for (let at: usize = 0; at < bytes; at += 16) {
    const x = v128.load(src + at);
    const root = f32x4.sqrt(f32x4.add(variance, f32x4.mul(x, x)));
    v128.store(values + at, x);
    v128.store(importance + at, f32x4.mul(v128.load(weights + at), root));
  }
  memory.fill(values + bytes, 0, 512 - bytes);
  memory.fill(importance + bytes, 0, 512 - bytes);
  interleave4(values, 32, LANES_X);
  interleave4(importance, 32, LANES_W);
}
