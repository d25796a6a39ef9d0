// Counts how often each bit pattern occurs. Four tables in turn, so that equal neighbours do not wait for each other.

/** tables: 4 × 65,536 uint32, updated. */
export function countPatterns16(src: usize, count: i32, tables: usize): void {
  let i = 0;
  for (; i + 8 <= count; i += 8) {
    countFour(load<u64>(src), tables);
    countFour(load<u64>(src, 8), tables);
    src += 16;
  }
  for (; i < count; i++) {
    bump(tables + (<usize>load<u16>(src) << 2));
    src += 2;
  }
}

/** Four 16-bit patterns, each into its own table. */
// @ts-ignore: decorator
@inline
export function countFour(patterns: u64, tables: usize): void {
  bump(tables + (<usize>(patterns & 0xffff) << 2));
  bump(tables + 0x40000 + (<usize>((patterns >> 16) & 0xffff) << 2));
  bump(tables + 0x80000 + (<usize>((patterns >> 32) & 0xffff) << 2));
  bump(tables + 0xc0000 + (<usize>(patterns >> 48) << 2));
}

/** tables: 4 × 256 uint32, updated. */
export function countPatterns8(src: usize, count: i32, tables: usize): void {
  let i = 0;
  for (; i + 8 <= count; i += 8) {
    let word = load<u64>(src);
    for (let lane = 0; lane < 8; lane++) {
      bump(tables + (<usize>(lane & 3) << 10) + (<usize>(word & 255) << 2));
      word >>= 8;
    }
    src += 8;
  }
  for (; i < count; i++) bump(tables + (<usize>load<u8>(src++) << 2));
}

// @ts-ignore: decorator
@inline
export function bump(at: usize): void {
  store<u32>(at, load<u32>(at) + 1);
}
