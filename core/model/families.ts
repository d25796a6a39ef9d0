// Families whose tensor names are known, and the names configurations and GGUF files give them.

export const FAMILIES = [
  'llama',
  'mistral',
  'mixtral',
  'qwen2',
  'qwen2moe',
  'qwen3',
  'qwen3moe',
  'gemma',
  'gemma2',
  'gemma3',
  'phi3',
  'gpt2',
  'gptneox',
  'bert',
] as const;

export type Family = (typeof FAMILIES)[number];

/** Other spellings of `model_type` (Hugging Face) and `general.architecture` (GGUF) with the same tensor names. */
const ALIASES: Readonly<Record<string, Family>> = {
  gpt_neox: 'gptneox',
  gemma3_text: 'gemma3',
  qwen2_moe: 'qwen2moe',
  qwen3_moe: 'qwen3moe',
  roberta: 'bert',
  'xlm-roberta': 'bert',
  'nomic-bert': 'bert',
};

/** The family of a `model_type` or `general.architecture`, or null when its names are not in the tables. */
export function familyOf(architecture: string | null): Family | null {
  if (architecture === null) return null;
  const name = architecture.toLowerCase();
  if (Object.hasOwn(ALIASES, name)) return ALIASES[name] ?? null;
  return FAMILIES.find((family) => family === name) ?? null;
}
