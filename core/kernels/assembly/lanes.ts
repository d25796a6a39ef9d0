// Four sub-blocks side by side, one per SIMD lane: each lane adds in the order of the scalar code, four at a time.

/** Writes element i of four consecutive runs of `n` floats (n a multiple of 4) to `dst + 16 i`. */
export function interleave4(src: usize, n: i32, dst: usize): void {
  const run = (<usize>n) << 2;
  for (let at: usize = 0; at < run; at += 16) {
    const a = v128.load(src + at);
    const b = v128.load(src + at + run);
    const c = v128.load(src + at + 2 * run);
    const d = v128.load(src + at + 3 * run);
    const ab01 = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
    const ab23 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
    const cd01 = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
    const cd23 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
    const to = dst + (at << 2);
    v128.store(to, v128.shuffle<f32>(ab01, cd01, 0, 1, 4, 5));
    v128.store(to, v128.shuffle<f32>(ab01, cd01, 2, 3, 6, 7), 16);
    v128.store(to, v128.shuffle<f32>(ab23, cd23, 0, 1, 4, 5), 32);
    v128.store(to, v128.shuffle<f32>(ab23, cd23, 2, 3, 6, 7), 48);
  }
}
