// Which projections change their row order between Hugging Face and GGUF.

import type { ModelConfig } from '../../model/modelConfig.ts';

/**
 * Attention heads to interleave (rowPermutation.ts), or 0. llama.cpp's Llama graph rotates neighbouring pairs of
 * queries and keys; its Qwen graphs rotate halves as Hugging Face does.
 *
 * @param name Hugging Face name
 */
export function permutedHeads(name: string, config: ModelConfig): number {
  if (config.architecture !== 'llama') return 0;
  if (/\.q_proj\.(weight|bias)$/.test(name)) return config.heads;
  return /\.k_proj\.(weight|bias)$/.test(name) ? config.keyValueHeads : 0;
}
