// WASM exports of the K-type quantizers.

/** `rows` × `columns` floats at `src`, columns a multiple of 256; `weights`: `columns` floats ≥ 0, or 0 for none. */
type QuantizeRows = (src: number, dst: number, rows: number, columns: number, weights: number) => void;

/** Each writes what ggml's function of the same name writes. */
export interface KQuantExports {
  readonly quantizeQ4_K: QuantizeRows;
  readonly quantizeQ5_K: QuantizeRows;
}
