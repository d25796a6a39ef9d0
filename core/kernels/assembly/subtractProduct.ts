// C −= Aᵀ B in float64. Every element of C has its products subtracted one by one in the order of A's and B's rows, so that
// whoever does it plainly gets the same bits, whatever the blocks.

/**
 * @param c rows × columns, rows `cStep` bytes apart; columns are rounded up to a multiple of 4
 * @param a, b first of `depth` rows, `step` bytes apart (either way): A has `rows` columns, B `columns`
 * @param packed scratch, 32 bytes a row of B
 */
export function subtractProduct(
  c: usize, cStep: usize, rows: i32, columns: i32, a: usize, b: usize, aStep: isize, bStep: isize, depth: i32, packed: usize,
): void {
  const wholeRows = rows & ~3;
  for (let column = 0; column < columns; column += 4) {
    // B's rows may lie a power of two apart, where they would push each other out of the cache.
    for (let k = 0, from = b + (<usize>column << 3), to = packed; k < depth; k++, from += bStep, to += 32) {
      v128.store(to, v128.load(from));
      v128.store(to, v128.load(from, 16), 16);
    }
    let at = c + (<usize>column << 3);
    let row = 0;
    for (; row < wholeRows; row += 4, at += 4 * cStep) fourRows(at, cStep, a + (<usize>row << 3), aStep, packed, depth);
    for (; row < rows; row++, at += cStep) oneRow(at, a + (<usize>row << 3), aStep, packed, depth);
  }
}

function fourRows(c: usize, step: usize, a: usize, aStep: isize, b: usize, depth: i32): void {
  const c1 = c + step;
  const c2 = c1 + step;
  const c3 = c2 + step;
  let s0 = v128.load(c);
  let t0 = v128.load(c, 16);
  let s1 = v128.load(c1);
  let t1 = v128.load(c1, 16);
  let s2 = v128.load(c2);
  let t2 = v128.load(c2, 16);
  let s3 = v128.load(c3);
  let t3 = v128.load(c3, 16);
  for (const end = b + (<usize>depth << 5); b < end; b += 32, a += aStep) {
    const x = v128.load(b);
    const y = v128.load(b, 16);
    const a0 = v128.load64_splat(a);
    s0 = f64x2.sub(s0, f64x2.mul(a0, x));
    t0 = f64x2.sub(t0, f64x2.mul(a0, y));
    const a1 = v128.load64_splat(a, 8);
    s1 = f64x2.sub(s1, f64x2.mul(a1, x));
    t1 = f64x2.sub(t1, f64x2.mul(a1, y));
    const a2 = v128.load64_splat(a, 16);
    s2 = f64x2.sub(s2, f64x2.mul(a2, x));
    t2 = f64x2.sub(t2, f64x2.mul(a2, y));
    const a3 = v128.load64_splat(a, 24);
    s3 = f64x2.sub(s3, f64x2.mul(a3, x));
    t3 = f64x2.sub(t3, f64x2.mul(a3, y));
  }
  v128.store(c, s0);
  v128.store(c, t0, 16);
  v128.store(c1, s1);
  v128.store(c1, t1, 16);
  v128.store(c2, s2);
  v128.store(c2, t2, 16);
  v128.store(c3, s3);
  v128.store(c3, t3, 16);
}

function oneRow(c: usize, a: usize, aStep: isize, b: usize, depth: i32): void {
  let s = v128.load(c);
  let t = v128.load(c, 16);
  for (const end = b + (<usize>depth << 5); b < end; b += 32, a += aStep) {
    const factor = v128.load64_splat(a);
    s = f64x2.sub(s, f64x2.mul(factor, v128.load(b)));
    t = f64x2.sub(t, f64x2.mul(factor, v128.load(b, 16)));
  }
  v128.store(c, s);
  v128.store(c, t, 16);
}
