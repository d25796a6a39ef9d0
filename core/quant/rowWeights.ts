// Importance of the columns of some rows: experts stored in one tensor have weights of their own each.

export interface MatrixSize {
  readonly rows: number;
  readonly columns: number;
}

/** Weights of consecutive rows, the same for `matrixRows` rows in turn. */
export interface RowWeights {
  /** One per column, for every matrix that the rows touch, in order. */
  readonly values: Float32Array;
  /** Rows of one matrix: of an expert, or of the whole tensor. */
  readonly matrixRows: number;
}

/**
 * Weights of `count` rows from `first` on.
 * @param all one per column of the tensor's matrices (`Importance.columns`)
 * @returns undefined where there are none, or not as many as the tensor has columns
 */
export function rowWeights(
  all: Float32Array | null | undefined,
  { rows, columns }: MatrixSize,
  first: number,
  count: number,
): RowWeights | undefined {
  if (all == null || all.length === 0 || columns === 0 || all.length % columns !== 0) return undefined;
  const matrices = all.length / columns;
  const matrixRows = rows / matrices;
  if (!Number.isInteger(matrixRows) || matrixRows === 0) return undefined;
  const from = Math.floor(first / matrixRows);
  const to = Math.ceil((first + count) / matrixRows);
  return { values: all.subarray(from * columns, to * columns), matrixRows };
}

/** Rows that share weights, counted from the first; `matrix` counts from the first row's. */
export interface SharingRows {
  readonly at: number;
  readonly rows: number;
  readonly matrix: number;
}

/** @param matrixRows null where all rows share */
export function* sharingRows(matrixRows: number | null, first: number, count: number): Generator<SharingRows> {
  const own = matrixRows ?? Number.POSITIVE_INFINITY;
  for (let at = 0, matrix = 0; at < count; matrix++) {
    const rows = Math.min(count - at, own === Number.POSITIVE_INFINITY ? count : own - ((first + at) % own));
    yield { at, rows, matrix };
    at += rows;
  }
}
