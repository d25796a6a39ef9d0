// Values of float formats narrower than 32 bits, one element at a time: the truth the kernels are tested against.

const word = new DataView(new ArrayBuffer(4));

/** IEEE 754 binary16: s eeeee mmmmmmmmmm, bias 15. */
export function float16Value(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const mantissa = bits & 1023;
  if (exponent === 31) return mantissa === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1024 + mantissa) * 2 ** (exponent - 25);
}

/** bfloat16: the upper half of a float32. */
export function bfloat16Value(bits: number): number {
  word.setUint32(0, bits << 16);
  return word.getFloat32(0);
}

/** OCP FP8 E4M3 (“fn”): s eeee mmm, bias 7, no infinity, NaN only as s.1111.111. */
export function float8E4M3Value(bits: number): number {
  if ((bits & 127) === 127) return NaN;
  return minifloat(bits, 4, 3, 7);
}

/** OCP FP8 E5M2: s eeeee mm, bias 15: the upper half of a binary16, infinities and NaN included. */
export function float8E5M2Value(bits: number): number {
  return float16Value(bits << 8);
}

/** E4M3 “fnuz” (arXiv:2206.02915): bias 8, no infinity, no negative zero, whose pattern is the NaN. */
export function float8E4M3FnuzValue(bits: number): number {
  return bits === 0x80 ? NaN : minifloat(bits, 4, 3, 8);
}

/** E5M2 “fnuz”: bias 16, otherwise as E4M3 “fnuz”. */
export function float8E5M2FnuzValue(bits: number): number {
  return bits === 0x80 ? NaN : minifloat(bits, 5, 2, 16);
}

/** OCP E8M0 scale: 2^(bits − 127); 255 is NaN. */
export function float8E8M0Value(bits: number): number {
  return bits === 255 ? NaN : 2 ** (bits - 127);
}

/** OCP FP6 E2M3: s ee mmm, bias 1, no infinity, no NaN. */
export function float6E2M3Value(bits: number): number {
  return minifloat(bits, 2, 3, 1);
}

/** OCP FP6 E3M2: s eee mm, bias 3, no infinity, no NaN. */
export function float6E3M2Value(bits: number): number {
  return minifloat(bits, 3, 2, 3);
}

/** OCP FP4 E2M1: s ee m, bias 1: 0 0.5 1 1.5 2 3 4 6 and their negatives. */
export function float4Value(bits: number): number {
  return minifloat(bits, 2, 1, 1);
}

/** NVFP4 block scale as ggml stores it (ggml-impl.h `ggml_ue4m3_to_fp32`), with ggml's factor ½ for doubled codes. */
export function halfUE4M3Value(bits: number): number {
  if (bits === 0 || bits === 0x7f) return 0;
  const exponent = (bits >> 3) & 15;
  const mantissa = bits & 7;
  return (exponent === 0 ? mantissa * 2 ** -9 : (8 + mantissa) * 2 ** (exponent - 10)) / 2;
}

/** Half of an E8M0 scale, 2^(bits − 128), for MXFP4's doubled codes (ggml-impl.h `ggml_e8m0_to_fp32_half`). */
export function halfE8M0Value(bits: number): number {
  return 2 ** (bits - 128);
}

function minifloat(bits: number, exponentBits: number, mantissaBits: number, bias: number): number {
  const sign = (bits >> (exponentBits + mantissaBits)) & 1 ? -1 : 1;
  const exponent = (bits >> mantissaBits) & ((1 << exponentBits) - 1);
  const mantissa = bits & ((1 << mantissaBits) - 1);
  if (exponent === 0) return sign * mantissa * 2 ** (1 - bias - mantissaBits);
  return sign * ((1 << mantissaBits) + mantissa) * 2 ** (exponent - bias - mantissaBits);
}
