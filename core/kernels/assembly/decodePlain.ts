// Plain numbers to float32.

/** binary16: ggml-impl.h `ggml_compute_fp16_to_fp32` on four lanes, which never touches slow float32 subnormals. */
export function decodeF16(src: usize, dst: usize, count: i32): void {
  let i = 0;
  for (; i + 8 <= count; i += 8) {
    const h = v128.load(src);
    v128.store(dst, halves(i32x4.shl(i32x4.extend_low_i16x8_u(h), 16)));
    v128.store(dst, halves(i32x4.shl(i32x4.extend_high_i16x8_u(h), 16)), 16);
    src += 16;
    dst += 32;
  }
  for (; i < count; i++) {
    v128.store_lane<f32>(dst, halves(i32x4.splat(<i32>load<u16>(src) << 16)), 0);
    src += 2;
    dst += 4;
  }
}

/** Four binary16 in the upper halves of the lanes. */
// @ts-ignore: decorator
@inline
export function halves(w: v128): v128 {
  const sign = v128.and(w, i32x4.splat(0x80000000));
  const twice = i32x4.add(w, w);
  const normal = f32x4.mul(
    i32x4.add(i32x4.shr_u(twice, 4), i32x4.splat(0xe0 << 23)),
    f32x4.splat(reinterpret<f32>(0x07800000)),
  );
  const subnormal = f32x4.sub(v128.or(i32x4.shr_u(twice, 17), i32x4.splat(126 << 23)), f32x4.splat(0.5));
  const isSubnormal = i32x4.lt_u(twice, i32x4.splat(1 << 27));
  return v128.or(sign, v128.bitselect(subnormal, normal, isSubnormal));
}

// @ts-ignore: decorator
@inline
export function loadHalf(at: usize): v128 {
  return halves(i32x4.splat(<i32>load<u16>(at) << 16));
}

/** bfloat16 is the upper half of a float32. */
export function decodeBF16(src: usize, dst: usize, count: i32): void {
  let i = 0;
  for (; i + 8 <= count; i += 8) {
    const h = v128.load(src);
    v128.store(dst, i32x4.shl(i32x4.extend_low_i16x8_u(h), 16));
    v128.store(dst, i32x4.shl(i32x4.extend_high_i16x8_u(h), 16), 16);
    src += 16;
    dst += 32;
  }
  for (; i < count; i++) {
    store<u32>(dst, <u32>load<u16>(src) << 16);
    src += 2;
    dst += 4;
  }
}

/** One-byte dtypes by a table of 256 float32. */
export function decodeBytes(src: usize, dst: usize, count: i32, table: usize): void {
  for (let i = 0; i < count; i++) {
    store<u32>(dst + (<usize>i << 2), load<u32>(table + (<usize>load<u8>(src + <usize>i) << 2)));
  }
}

export function decodeF64(src: usize, dst: usize, count: i32): void {
  for (let i = 0; i < count; i++) {
    store<f32>(dst + (<usize>i << 2), <f32>load<f64>(src + (<usize>i << 3)));
  }
}

export function decodeI32(src: usize, dst: usize, count: i32): void {
  for (let i = 0; i < count; i++) {
    store<f32>(dst + (<usize>i << 2), <f32>load<i32>(src + (<usize>i << 2)));
  }
}

export function decodeI64(src: usize, dst: usize, count: i32): void {
  for (let i = 0; i < count; i++) {
    store<f32>(dst + (<usize>i << 2), <f32>load<i64>(src + (<usize>i << 3)));
  }
}
