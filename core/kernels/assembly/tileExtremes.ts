// Tile cells: the element of largest magnitude in each, with its place. Magnitudes compare as integers, so NaN wins.

/**
 * One row of elements into one row of cells. Cell i covers columns edges[i] … edges[i + 1] − 1.
 * @param src float32 of columns edges[0] … edges[cells] − 1
 * @param edges cells + 1 uint32, ascending
 * @param best per cell: uint32 bits of the extreme element; @param places per cell: uint32 row, uint32 column
 * @param fresh not 0 for the first row of a row of cells: what the cells hold is replaced
 */
export function extremesOfRow(
  src: usize, edges: usize, cells: i32, row: u32, best: usize, places: usize, fresh: i32,
): void {
  const origin = load<u32>(edges);
  const magnitudes = i32x4.splat(0x7fffffff);
  for (let cell = 0; cell < cells; cell++) {
    const from = load<u32>(edges + (<usize>cell << 2));
    const to = load<u32>(edges + (<usize>cell << 2), 4);
    let p = src + (<usize>(from - origin) << 2);
    const end = src + (<usize>(to - origin) << 2);
    let wide = i32x4.splat(0);
    for (; p + 16 <= end; p += 16) wide = i32x4.max_s(wide, v128.and(v128.load(p), magnitudes));
    let largest = max(
      max(i32x4.extract_lane(wide, 0), i32x4.extract_lane(wide, 1)),
      max(i32x4.extract_lane(wide, 2), i32x4.extract_lane(wide, 3)),
    );
    for (; p < end; p += 4) largest = max(largest, <i32>(load<u32>(p) & 0x7fffffff));
    const bestAt = best + (<usize>cell << 2);
    if (fresh == 0 && largest <= <i32>(load<u32>(bestAt) & 0x7fffffff)) continue;
    for (let column = from; column < to; column++) {
      const bits = load<u32>(src + (<usize>(column - origin) << 2));
      if (<i32>(bits & 0x7fffffff) != largest) continue;
      store<u32>(bestAt, bits);
      const place = places + (<usize>cell << 3);
      store<u32>(place, row);
      store<u32>(place, column, 4);
      break;
    }
  }
}
