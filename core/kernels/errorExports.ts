// WASM exports of the error kernels: pointers to float32 vectors in the arena, any alignment.

export interface ErrorExports {
  /** ‖a‖² in float64. */
  sumOfSquares(a: number, count: number): number;
  /** ‖a − b‖² in float64. */
  squaredError(a: number, b: number, count: number): number;
}
