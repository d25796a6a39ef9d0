// Floats of up to 16 bits from their bit patterns: sign, exponent, mantissa, and what a format does with its last codes.

export interface SmallFloat {
  readonly exponentBits: number;
  readonly mantissaBits: number;
  readonly bias: number;
  /** The largest exponent with a zero mantissa is infinity. */
  readonly infinities?: boolean;
  /** Which patterns are not a number: as in IEEE 754, all ones below the sign, negative zero alone, or none. */
  readonly nan: 'ieee' | 'ones' | 'negative zero' | 'none';
}

/** The number a pattern stands for; bits above the format's are ignored. */
export function smallFloatValue(pattern: number, format: SmallFloat): number {
  const { exponentBits, mantissaBits, bias, infinities = false, nan } = format;
  const topExponent = 2 ** exponentBits - 1;
  const exponent = (pattern >> mantissaBits) & topExponent;
  const mantissa = pattern & (2 ** mantissaBits - 1);
  const negative = ((pattern >> (mantissaBits + exponentBits)) & 1) === 1;
  const ones = mantissa === 2 ** mantissaBits - 1;
  if (nan === 'negative zero' && negative && exponent === 0 && mantissa === 0) return Number.NaN;
  if (nan === 'ones' && exponent === topExponent && ones) return Number.NaN;
  if (nan === 'ieee' && exponent === topExponent && mantissa !== 0) return Number.NaN;
  let value = (1 + mantissa / 2 ** mantissaBits) * 2 ** (exponent - bias);
  if (exponent === 0) value = (mantissa / 2 ** mantissaBits) * 2 ** (1 - bias);
  else if (infinities && exponent === topExponent) value = Number.POSITIVE_INFINITY;
  return negative ? -value : value;
}

/** All 2^bits values in the order of their patterns. */
export function smallFloatValues(bits: number, format: SmallFloat): number[] {
  return Array.from({ length: 2 ** bits }, (_, pattern) => smallFloatValue(pattern, format));
}
