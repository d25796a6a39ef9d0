// WASM exports of the K-type quantizers.

/** `rows` × `columns` floats at `src`, columns a multiple of 256; `weights`: `columns` floats ≥ 0, or 0 for none. */
type QuantizeRows = (src: number, dst: number, rows: number, columns: number, weights: number) => void;

/** Each writes what ggml's `quantize_qN_K` writes. */
export type KQuantExports = Readonly<
  Record<'quantizeQ2_K' | 'quantizeQ3_K' | 'quantizeQ4_K' | 'quantizeQ5_K' | 'quantizeQ6_K', QuantizeRows>
>;
