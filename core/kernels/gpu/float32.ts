// float32 arithmetic in WGSL out of integers: the same bits as the processor's on every adapter.
//
// WGSL leaves its own float operations some freedom: either neighbour of the exact result, products and sums fused,
// subnormal numbers taken for zero, quotients 2.5 units off (specification, "Floating Point Evaluation"). Bytes of a
// file may not depend on that. Integer operations are exact everywhere; these follow IEEE 754-2019: round to nearest,
// ties to even, subnormal numbers, infinities. Values are the bits of a float32 in a u32.

/** A number's float32 as a WGSL literal of its bits. */
export function literal(v: number): string {
  return `0x${floatBits(v).toString(16)}u`;
}

/** The bits of a number's float32. */
export function floatBits(v: number): number {
  return new Uint32Array(Float32Array.of(v).buffer)[0] ?? 0;
}

/**
 * Functions of bits: `fMul`, `fAdd`, `fSub`, `fDiv`, `fSqrt`, `fLess` (false with NaN, −0 = 0), `fZero` (±0), `fAbs`,
 * `fFromInt` (exact below 2^24), `fTruncate` (to i32 as x86 does, 0 for what is not finite), `nearestInt` (ggml's, ties
 * to even below 2^22), `clampedInt`, `halfBits` (to IEEE half) and `halfValue` (from it).
 */
export const FLOAT32_WGSL = /* wgsl */ `
const ONE = 0x3f800000u;
const F_INFINITY = 0x7f800000u;
const F_NAN = 0xffc00000u; // x86 makes its NaNs negative
const F_SIGN = 0x80000000u;

struct Parts { exponent: i32, mantissa: u32 }

/** Mantissa in [2^23, 2^24), or 0; exponent biased, below 1 for subnormal numbers. */
fn fParts(a: u32) -> Parts {
  let exponent = i32((a >> 23u) & 255u);
  let mantissa = a & 0x7fffffu;
  if (exponent != 0) { return Parts(exponent, mantissa | 0x800000u); }
  if (mantissa == 0u) { return Parts(0, 0u); }
  let shift = countLeadingZeros(mantissa) - 8u;
  return Parts(1 - i32(shift), mantissa << shift);
}

/** Shifted right by 1 … 31; what falls off leaves its trace in the lowest bit. */
fn fSticky(m: u32, shift: u32) -> u32 { return (m >> shift) | u32((m << (32u - shift)) != 0u); }

/** Rounds 24 bits of mantissa with 3 more behind them, the last of which stands for all that follow. */
fn fRound(sign: u32, exponent: i32, mantissa: u32) -> u32 {
  if (exponent >= 255) { return sign | F_INFINITY; }
  var e = exponent;
  var m = mantissa;
  if (e < 1) {
    let shift = u32(1 - e);
    m = select(u32(m != 0u), fSticky(m, min(shift, 27u)), shift < 27u);
    e = 1;
  }
  let rest = m & 7u;
  let kept = m >> 3u;
  let up = u32(rest > 4u || (rest == 4u && (kept & 1u) == 1u));
  return sign | ((u32(e - 1) << 23u) + kept + up);
}

fn fMul(a: u32, b: u32) -> u32 {
  let sign = (a ^ b) & F_SIGN;
  let x = a & ~F_SIGN;
  let y = b & ~F_SIGN;
  if (max(x, y) >= F_INFINITY) { return select(sign | F_INFINITY, F_NAN, max(x, y) > F_INFINITY || min(x, y) == 0u); }
  if (min(x, y) == 0u) { return sign; }
  let p = fParts(x);
  let q = fParts(y);
  // 24 × 24 bits in halves of 12.
  let middle = (p.mantissa >> 12u) * (q.mantissa & 0xfffu) + (p.mantissa & 0xfffu) * (q.mantissa >> 12u);
  let carried = (p.mantissa & 0xfffu) * (q.mantissa & 0xfffu) + ((middle & 0xfffu) << 12u);
  let high = (p.mantissa >> 12u) * (q.mantissa >> 12u) + (middle >> 12u) + (carried >> 24u);
  let low = carried & 0xffffffu;
  let e = p.exponent + q.exponent;
  if (high >= 0x800000u) { return fRound(sign, e - 126, (high << 3u) | fSticky(low, 21u)); }
  return fRound(sign, e - 127, (high << 4u) | fSticky(low, 20u));
}

fn fAdd(a: u32, b: u32) -> u32 {
  let swap = (a & ~F_SIGN) < (b & ~F_SIGN);
  let x = select(a, b, swap);
  let y = select(b, a, swap);
  let same = ((x ^ y) & F_SIGN) == 0u;
  if ((x & ~F_SIGN) >= F_INFINITY) {
    return select(x, F_NAN, (x & ~F_SIGN) > F_INFINITY || (!same && (y & ~F_SIGN) == F_INFINITY));
  }
  let xe = (x >> 23u) & 255u;
  let ye = (y >> 23u) & 255u;
  let xm = ((x & 0x7fffffu) | select(0x800000u, 0u, xe == 0u)) << 3u;
  var ym = ((y & 0x7fffffu) | select(0x800000u, 0u, ye == 0u)) << 3u;
  let apart = max(xe, 1u) - max(ye, 1u);
  if (apart >= 27u) { ym = u32(ym != 0u); } else if (apart > 0u) { ym = fSticky(ym, apart); }
  var m = select(xm - ym, xm + ym, same);
  if (m == 0u) { return select(0u, x & F_SIGN, same); }
  var e = max(xe, 1u);
  if (m >= 0x8000000u) {
    m = fSticky(m, 1u);
    e++;
  }
  let shift = min(countLeadingZeros(m) - 5u, e - 1u);
  return fRound(x & F_SIGN, i32(e - shift), m << shift);
}

fn fSub(a: u32, b: u32) -> u32 { return fAdd(a, b ^ F_SIGN); }

fn fDiv(a: u32, b: u32) -> u32 {
  let sign = (a ^ b) & F_SIGN;
  let x = a & ~F_SIGN;
  let y = b & ~F_SIGN;
  if (x > F_INFINITY || y > F_INFINITY || (x == y && (x == 0u || x == F_INFINITY))) { return F_NAN; }
  if (x == F_INFINITY || y == 0u) { return sign | F_INFINITY; }
  if (x == 0u || y == F_INFINITY) { return sign; }
  let p = fParts(x);
  let q = fParts(y);
  let less = u32(p.mantissa < q.mantissa);
  var rest = p.mantissa << less;
  var quotient = 0u;
  for (var bit = 0u; bit < 27u; bit++) {
    let fits = rest >= q.mantissa;
    quotient = (quotient << 1u) | u32(fits);
    rest = select(rest, rest - q.mantissa, fits) << 1u;
  }
  return fRound(sign, p.exponent - q.exponent + 127 - i32(less), quotient | u32(rest != 0u));
}

fn fSqrt(a: u32) -> u32 {
  if ((a & ~F_SIGN) == 0u || a == F_INFINITY) { return a; }
  if (a > F_INFINITY) { return F_NAN; }
  let p = fParts(a);
  // The root of an even power of two: digit by digit, two bits of the radicand for one of the root.
  let odd = u32(p.exponent & 1) ^ 1u;
  var radicand = p.mantissa << (7u + odd);
  var rest = 0u;
  var root = 0u;
  for (var bit = 0u; bit < 27u; bit++) {
    rest = (rest << 2u) | (radicand >> 30u);
    radicand <<= 2u;
    let trial = (root << 2u) | 1u;
    let fits = rest >= trial;
    rest = select(rest, rest - trial, fits);
    root = (root << 1u) | u32(fits);
  }
  return fRound(0u, ((p.exponent - 127 - i32(odd)) >> 1u) + 127, root | u32(rest != 0u));
}

fn fLess(a: u32, b: u32) -> bool {
  let x = a & ~F_SIGN;
  let y = b & ~F_SIGN;
  if (max(x, y) > F_INFINITY || (x | y) == 0u) { return false; }
  let i = select(i32(x), -i32(x), a != x);
  let j = select(i32(y), -i32(y), b != y);
  return i < j;
}

fn fZero(a: u32) -> bool { return (a & ~F_SIGN) == 0u; }
fn fAbs(a: u32) -> u32 { return a & ~F_SIGN; }

fn fFromInt(v: i32) -> u32 {
  if (v == 0) { return 0u; }
  let magnitude = u32(abs(v));
  let shift = countLeadingZeros(magnitude) - 8u;
  return select(0u, F_SIGN, v < 0) | ((150u - shift) << 23u) | ((magnitude << shift) & 0x7fffffu);
}

fn fTruncate(a: u32) -> i32 {
  let exponent = (a >> 23u) & 255u;
  if (exponent < 127u || exponent > 157u) { return 0; }
  let mantissa = (a & 0x7fffffu) | 0x800000u;
  let magnitude = select(mantissa >> (150u - min(exponent, 150u)), mantissa << (max(exponent, 150u) - 150u), exponent > 150u);
  return select(i32(magnitude), -i32(magnitude), (a & F_SIGN) != 0u);
}

fn nearestInt(a: u32) -> i32 { return i32(fAdd(a, 0x4b400000u) & 0x7fffffu) - 0x400000; }
fn clampedInt(a: u32, low: i32, high: i32) -> i32 { return clamp(nearestInt(a), low, high); }

fn halfBits(a: u32) -> u32 {
  let sign = (a >> 16u) & 0x8000u;
  let magnitude = a & ~F_SIGN;
  if (magnitude > F_INFINITY) { return sign | 0x7e00u; }
  if (magnitude >= 0x477ff000u) { return sign | 0x7c00u; }
  // Subnormal halves count units of 2^-24, which are the last place of numbers in [0.5, 1).
  if (magnitude < 0x38800000u) { return sign | (fAdd(magnitude, 0x3f000000u) - 0x3f000000u); }
  return sign | ((magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13u) & 1u)) >> 13u);
}

fn halfValue(h: u32) -> u32 {
  let sign = (h & 0x8000u) << 16u;
  let exponent = (h >> 10u) & 31u;
  let fraction = h & 1023u;
  if (exponent == 31u) { return select(sign | F_INFINITY, F_NAN, fraction != 0u); }
  if (exponent > 0u) { return sign | ((exponent + 112u) << 23u) | (fraction << 13u); }
  if (fraction == 0u) { return sign; }
  let shift = countLeadingZeros(fraction) - 21u; // units of 2^-24, the leading one to bit 10
  return sign | ((113u - shift) << 23u) | (((fraction << shift) & 1023u) << 13u);
}
`;
