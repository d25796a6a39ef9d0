// A file beside the weights that belongs to the model: what a folder of a published model holds besides tensors.

export const COMPANION_KINDS = ['config', 'generation', 'tokenizer', 'adapter', 'card'] as const;

export interface Companion {
  /** Relative to the folder of the weights. */
  readonly name: string;
  readonly kind: (typeof COMPANION_KINDS)[number];
  /** One fact worth showing: "32,000 tokens, BPE", "LoRA, rank 16 on q_proj, v_proj". */
  readonly note: string;
}
