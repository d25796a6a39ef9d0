// Splits a tensor's rows into pieces of bounded memory that workers handle one at a time.

/** Half a Mi elements: at most 12 MB of scratch a worker, a few milliseconds between looks at cancellation. */
export const CHUNK_ELEMENTS = 1 << 19;

export interface RowChunk {
  readonly firstRow: number;
  readonly rows: number;
}

/** @param headRows rows that must stay together, or 0 */
export function* rowChunks(rows: number, columns: number, headRows: number): Generator<RowChunk> {
  const unit = headRows === 0 ? 1 : headRows;
  const step = Math.max(1, Math.floor(CHUNK_ELEMENTS / Math.max(1, columns * unit))) * unit;
  for (let firstRow = 0; firstRow < rows; firstRow += step) {
    yield { firstRow, rows: Math.min(step, rows - firstRow) };
  }
}
