// GPTQ inside a block of columns: one after the other rounded to its grid, its errors taken over by the next ones.
// Matrices lie column by column, so that rows go side by side. Sums in float64, rounding in float32, as
// core/quant/gptq/gptq.ts does, bit for bit.

/**
 * @param w float64 [columns, rows]: the weights with the errors of earlier blocks; a multiple of 4 rows
 * @param given float32 [columns, rows]: the weights themselves
 * @param lost float64 [columns, rows]: receives level − given
 * @param codes one byte [columns, rows]
 * @param factor float64: U of the block, rows `factorStep` bytes apart
 * @param grids per column, which row of scales and zeros is its
 * @param scales, zeros float32 [grids, rows]
 */
export function gptqColumns(
  w: usize, given: usize, lost: usize, codes: usize, rows: i32, columns: i32, factor: usize, factorStep: usize,
  grids: usize, scales: usize, zeros: usize, bits: i32,
): void {
  const wide = <usize>rows << 3;
  const narrow = <usize>rows << 2;
  for (let column = 0; column < columns; column++) {
    const grid = <usize>load<u32>(grids + (<usize>column << 2)) * narrow;
    takeOver(w, lost, wide, column, factor + (<usize>column << 3), factorStep);
    round(w, given, lost + <usize>column * wide, codes, rows, scales + grid, zeros + grid, bits);
    w += wide;
    given += narrow;
    codes += rows;
  }
}

/** w −= Σ over the columns before it of lost · U. */
function takeOver(w: usize, lost: usize, wide: usize, columns: i32, factor: usize, factorStep: usize): void {
  for (let row: usize = 0; row < wide; row += 32) {
    let s = v128.load(w + row);
    let t = v128.load(w + row, 16);
    for (let k = 0, from = lost + row, at = factor; k < columns; k++, from += wide, at += factorStep) {
      const u = v128.load64_splat(at);
      s = f64x2.sub(s, f64x2.mul(u, v128.load(from)));
      t = f64x2.sub(t, f64x2.mul(u, v128.load(from, 16)));
    }
    v128.store(w + row, s);
    v128.store(w + row, t, 16);
  }
}

function round(w: usize, given: usize, lost: usize, codes: usize, rows: i32, scales: usize, zeros: usize, bits: i32): void {
  const most = f32x4.splat(<f32>((1 << bits) - 1));
  for (let row: usize = 0; row < <usize>rows; row += 4) {
    const at4 = row << 2;
    const at8 = row << 3;
    const low = f32x4.demote_f64x2_zero(v128.load(w + at8));
    const high = f32x4.demote_f64x2_zero(v128.load(w + at8, 16));
    const x = v128.shuffle<f32>(low, high, 0, 1, 4, 5);
    const scale = v128.load(scales + at4);
    const zero = v128.load(zeros + at4);
    const steps = f32x4.floor(f32x4.add(f32x4.div(x, scale), f32x4.splat(0.5)));
    const code = f32x4.pmax(f32x4.splat(0), f32x4.pmin(most, f32x4.add(steps, zero)));
    const level = f32x4.mul(scale, f32x4.sub(code, zero));
    const source = v128.load(given + at4);
    v128.store(lost + at8, f64x2.sub(f64x2.promote_low_f32x4(level), f64x2.promote_low_f32x4(source)));
    v128.store(lost + at8, f64x2.sub(upper(level), upper(source)), 16);
    const words = i16x8.narrow_i32x4_s(i32x4.trunc_sat_f32x4_s(code), i32x4.splat(0));
    v128.store32_lane(codes + row, i8x16.narrow_i16x8_u(words, words), 0);
  }
}

// @ts-ignore: decorator
@inline
function upper(v: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<f32>(v, v, 2, 3, 2, 3));
}

/** float64 [columns, rows] → float32 [rows, columns], `to` with `columns` numbers a row. */
export function rowsOfColumns(from: usize, rows: i32, columns: i32, to: usize): void {
  for (let row = 0; row < rows; row++, from += 8)
    for (let column = 0, at = from; column < columns; column++, at += <usize>rows << 3, to += 4)
      store<f32>(to, <f32>load<f64>(at));
}
