// WASM exports of the convert kernels.

/** Pointers in the instance's memory; `count` elements or whole blocks. */
type Decode = (src: number, dst: number, count: number) => void;

export type ConvertExports = {
  decodeF64: Decode;
  decodeF16: Decode;
  decodeBF16: Decode;
  decodeI32: Decode;
  decodeI64: Decode;
  /** table: 256 float32. */
  decodeBytes(src: number, dst: number, count: number, table: number): void;
  decodeQ4_0: Decode;
  decodeQ4_1: Decode;
  decodeQ5_0: Decode;
  decodeQ5_1: Decode;
  decodeQ8_0: Decode;
  decodeIQ4_NL: Decode;
  decodeMXFP4: Decode;
  decodeQ2_K: Decode;
  decodeQ3_K: Decode;
  decodeQ4_K: Decode;
  decodeQ5_K: Decode;
  decodeQ6_K: Decode;
  decodeIQ4_XS: Decode;
  decodeTQ2_0: Decode;
};
