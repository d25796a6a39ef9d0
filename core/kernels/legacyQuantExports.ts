// WASM exports of the float encoders and of the quantizers with 32-element blocks and IQ4.

/**
 * Encodes rows × columns float32 at `src` into `dst`; pointers into the arena, columns a whole number of blocks.
 * `weights` points to `columns` float32 importance weights, or is 0.
 */
export type EncodeKernel = (src: number, dst: number, rows: number, columns: number, weights: number) => void;

export type LegacyQuantExports = Readonly<
  Record<
    | 'encodeF32'
    | 'encodeF16'
    | 'encodeBF16'
    | 'quantizeQ8_0'
    | 'quantizeQ4_0'
    | 'quantizeQ4_1'
    | 'quantizeQ5_0'
    | 'quantizeQ5_1'
    | 'quantizeIQ4_NL'
    | 'quantizeIQ4_XS',
    EncodeKernel
  >
>;
