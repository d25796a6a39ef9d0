// Row order of query and key projections: Hugging Face keeps rotary halves apart, GGUF interleaves them.

/**
 * Source row of GGUF row `row`. Inside a head of d rows, GGUF row 2i + j is Hugging Face row j·d/2 + i
 * (llama.cpp convert_hf_to_gguf.py `LlamaModel.permute`).
 *
 * @param headRows rows of one head, even
 */
export function sourceRow(row: number, headRows: number): number {
  const inHead = row % headRows;
  return row - inHead + (inHead & 1) * (headRows / 2) + (inHead >> 1);
}

/** Reorders whole heads: `to` row r = `from` row sourceRow(r). Both hold the same whole number of heads. */
export function interleaveRows(from: Uint8Array, to: Uint8Array, rowBytes: number, headRows: number): void {
  const rows = from.length / rowBytes;
  for (let row = 0; row < rows; row++) {
    const at = sourceRow(row, headRows) * rowBytes;
    to.set(from.subarray(at, at + rowBytes), row * rowBytes);
  }
}
