// Importance of each element of a row, as ggml's weighted quantizers define it: weight · sqrt(mean of x² + x²).

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

// @ts-ignore: decorator
@inline
export function importance4(x: v128, weight: v128, sigma2: f32): v128 {
  return f32x4.mul(weight, f32x4.sqrt(f32x4.add(f32x4.splat(sigma2), f32x4.mul(x, x))));
}
