// WASM exports of the error kernels: pointers to float32 vectors in the arena, any alignment.

export interface ErrorExports {
  /** ‖a‖² in float64. */
  sumOfSquares(a: number, count: number): number;
  /** ‖a − b‖² in float64. */
  squaredError(a: number, b: number, count: number): number;
  /** Σ w[c] · a[r, c]² in float64; `weights` holds `columns` float32. */
  weightedSquares(a: number, weights: number, rows: number, columns: number): number;
  /** Σ w[c] · (a[r, c] − b[r, c])² in float64. */
  weightedError(a: number, b: number, weights: number, rows: number, columns: number): number;
}
