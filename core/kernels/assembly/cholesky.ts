// The last step of H = Mᵀ M for some rows together, from the last of them up: core/quant/gptq/feedback.ts's `cholesky`
// after what the rows below took from them.

/**
 * @param panel rows first … first + rows − 1 of H, from column 0 on, `step` bytes apart, with room for one column more
 * @returns the row whose pivot is not positive, or −1
 */
export function choleskyPanel(panel: usize, step: usize, first: i32, rows: i32): i32 {
  for (let k = rows - 1; k >= 0; k--) {
    const own = panel + <usize>k * step;
    const diagonal = own + (<usize>(first + k) << 3);
    const pivot = load<f64>(diagonal);
    if (!(pivot > 0) || pivot == Infinity) return first + k;
    const root = sqrt(pivot);
    store<f64>(diagonal, root);
    const divisor = f64x2.splat(root);
    const whole = own + (<usize>((first + k) & ~1) << 3);
    for (let at = own; at < whole; at += 16) v128.store(at, f64x2.div(v128.load(at), divisor));
    if (whole < diagonal) store<f64>(whole, load<f64>(whole) / root);
    for (let j = 0; j < k; j++) {
      const column = <usize>(first + j) << 3;
      const other = v128.load64_splat(own + column);
      const to = panel + <usize>j * step;
      // The last pair may reach beyond the diagonal, where nothing is read.
      for (let i: usize = 0; i <= column; i += 16)
        v128.store(to + i, f64x2.sub(v128.load(to + i), f64x2.mul(other, v128.load(own + i))));
    }
  }
  return -1;
}
