// How much each input column of a weight matters: mean squares of what it multiplies, measured on text (an "imatrix").

export interface Importance {
  /** Names caches and provenance: changes whenever a value does. */
  readonly id: string;
  /** For people: a file's name, or the text it was measured on. */
  readonly name: string;
  /**
   * One value ≥ 0 per column of the tensor, or null where nothing was measured; a tensor of all experts has the columns
   * of each, one after the other.
   * @param tensor index in the checkpoint
   */
  columns(tensor: number): Float32Array | null;
  /** Tensors that have values. */
  readonly tensors: number;
  /** What exports write down of it. */
  readonly source?: ImportanceSource;
}

/** As llama.cpp's quantize notes it in the files it makes. */
export interface ImportanceSource {
  /** File name of the matrix; null for one that was measured here. */
  readonly file: string | null;
  /** Name of the text. */
  readonly dataset: string | null;
  /** Calls of the network it was summed over. */
  readonly chunks: number | null;
}
