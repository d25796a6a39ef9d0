// ‖a‖² and ‖a − b‖² of float32 vectors, accumulated in float64. Order: element i adds to partial sum i mod 4, then
// (s0 + s2) + (s1 + s3), then the elements behind the last whole four. Differences are taken in float64. The weighted
// sums do so row by row, and add the rows in order.

// @ts-ignore: decorator
@inline
function low(v: v128): v128 {
  return f64x2.promote_low_f32x4(v);
}

// @ts-ignore: decorator
@inline
function high(v: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<f32>(v, v, 2, 3, 2, 3));
}

export function sumOfSquares(a: usize, count: u32): f64 {
  let s01 = f64x2.splat(0);
  let s23 = f64x2.splat(0);
  const whole = a + ((count & ~3) << 2);
  const end = a + (count << 2);
  for (; a < whole; a += 16) {
    const v = v128.load(a);
    const l = low(v);
    const h = high(v);
    s01 = f64x2.add(s01, f64x2.mul(l, l));
    s23 = f64x2.add(s23, f64x2.mul(h, h));
  }
  const s = f64x2.add(s01, s23);
  let sum = f64x2.extract_lane(s, 0) + f64x2.extract_lane(s, 1);
  for (; a < end; a += 4) {
    const x = <f64>load<f32>(a);
    sum += x * x;
  }
  return sum;
}

export function squaredError(a: usize, b: usize, count: u32): f64 {
  let s01 = f64x2.splat(0);
  let s23 = f64x2.splat(0);
  const whole = a + ((count & ~3) << 2);
  const end = a + (count << 2);
  for (; a < whole; a += 16, b += 16) {
    const v = v128.load(a);
    const w = v128.load(b);
    const l = f64x2.sub(low(v), low(w));
    const h = f64x2.sub(high(v), high(w));
    s01 = f64x2.add(s01, f64x2.mul(l, l));
    s23 = f64x2.add(s23, f64x2.mul(h, h));
  }
  const s = f64x2.add(s01, s23);
  let sum = f64x2.extract_lane(s, 0) + f64x2.extract_lane(s, 1);
  for (; a < end; a += 4, b += 4) {
    const x = <f64>load<f32>(a) - <f64>load<f32>(b);
    sum += x * x;
  }
  return sum;
}

/** Σ w[c] · a[r, c]² */
export function weightedSquares(a: usize, weights: usize, rows: u32, columns: u32): f64 {
  let total: f64 = 0;
  for (let row: u32 = 0; row < rows; row++, a += columns << 2) total += weightedRow(a, a, weights, columns, false);
  return total;
}

/** Σ w[c] · (a[r, c] − b[r, c])² */
export function weightedError(a: usize, b: usize, weights: usize, rows: u32, columns: u32): f64 {
  let total: f64 = 0;
  for (let row: u32 = 0; row < rows; row++, a += columns << 2, b += columns << 2)
    total += weightedRow(a, b, weights, columns, true);
  return total;
}

// @ts-ignore: decorator
@inline
function weightedRow(a: usize, b: usize, w: usize, count: u32, difference: bool): f64 {
  let s01 = f64x2.splat(0);
  let s23 = f64x2.splat(0);
  const whole = a + ((count & ~3) << 2);
  const end = a + (count << 2);
  for (; a < whole; a += 16, b += 16, w += 16) {
    const v = v128.load(a);
    const weight = v128.load(w);
    let l = low(v);
    let h = high(v);
    if (difference) {
      const u = v128.load(b);
      l = f64x2.sub(l, low(u));
      h = f64x2.sub(h, high(u));
    }
    s01 = f64x2.add(s01, f64x2.mul(low(weight), f64x2.mul(l, l)));
    s23 = f64x2.add(s23, f64x2.mul(high(weight), f64x2.mul(h, h)));
  }
  const s = f64x2.add(s01, s23);
  let sum = f64x2.extract_lane(s, 0) + f64x2.extract_lane(s, 1);
  for (; a < end; a += 4, b += 4, w += 4) {
    let x = <f64>load<f32>(a);
    if (difference) x -= <f64>load<f32>(b);
    sum += <f64>load<f32>(w) * (x * x);
  }
  return sum;
}
