// Smallest, largest and largest-magnitude value of a block of 32 floats.

/** NaN compares false and is passed over. */
export function minimum32(at: usize): f32 {
  let m = v128.load(at);
  for (let i: usize = 16; i < 128; i += 16) m = f32x4.pmin(m, v128.load(at + i));
  m = f32x4.pmin(m, i8x16.shuffle(m, m, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  const a = f32x4.extract_lane(m, 0);
  const b = f32x4.extract_lane(m, 1);
  return b < a ? b : a;
}

export function maximum32(at: usize): f32 {
  let m = v128.load(at);
  for (let i: usize = 16; i < 128; i += 16) m = f32x4.pmax(m, v128.load(at + i));
  m = f32x4.pmax(m, i8x16.shuffle(m, m, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  const a = f32x4.extract_lane(m, 0);
  const b = f32x4.extract_lane(m, 1);
  return a < b ? b : a;
}

/** The element of largest magnitude, sign kept; of two with equal magnitude the first. */
export function signedMaximum32(at: usize): f32 {
  const low = minimum32(at);
  const high = maximum32(at);
  if (high != -low) return high > -low ? high : low;
  for (let i: usize = 0; i < 128; i += 4) {
    const v = load<f32>(at + i);
    if (abs<f32>(v) == high) return v;
  }
  return high;
}
