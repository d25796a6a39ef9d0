// What a decoder block computes, in numbers and switches: one description for a family of architectures.

export interface DecoderShape {
  readonly layers: number;
  /** Width of the residual stream. */
  readonly width: number;
  readonly heads: number;
  /** Key and value heads; `heads` is a multiple. */
  readonly keyValueHeads: number;
  readonly headWidth: number;
  readonly feedForward: number;
  readonly vocabulary: number;
  readonly normEpsilon: number;
  /** 1 / θ^(2i/d), scaled as the model was trained: radians per position, one per pair. */
  readonly frequencies: Float64Array;
  /** Which elements of a head rotate together: i and i + d/2 (`halves`), or 2i and 2i + 1 (`pairs`, llama.cpp's order). */
  readonly rotation: 'halves' | 'pairs';
  /** RMS norms of every query and key head (Qwen 3). */
  readonly headNorms: boolean;
  /** Biases of q, k, v (Qwen 2). */
  readonly attentionBias: boolean;
  readonly context: number;
}

/** The weights of one block by grid column, with their shapes [out, in] or [width]. */
export function blockWeights(shape: DecoderShape): Readonly<Record<string, readonly number[]>> {
  const { width, feedForward, headWidth } = shape;
  const queries = shape.heads * headWidth;
  const keys = shape.keyValueHeads * headWidth;
  return {
    attn_norm: [width],
    q: [queries, width],
    k: [keys, width],
    v: [keys, width],
    ...(shape.attentionBias ? { 'q.bias': [queries], 'k.bias': [keys], 'v.bias': [keys] } : {}),
    ...(shape.headNorms ? { q_norm: [headWidth], k_norm: [headWidth] } : {}),
    o: [width, queries],
    ffn_norm: [width],
    gate: [feedForward, width],
    up: [feedForward, width],
    down: [width, feedForward],
  };
}
