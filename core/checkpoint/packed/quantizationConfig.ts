// The part of config.json that says how weights were quantized: unknown values until looked at, nothing trusted.

type Entries = Readonly<Record<string, unknown>>;

const NOTHING: Entries = {};
/** Where quantizers put it; MLX's older files say "quantization". */
const KEYS = ['quantization_config', 'compression_config', 'quantization'];
/** Multimodal models keep the language model's configuration one level down. */
const NESTED = ['text_config', 'llm_config', 'language_config', 'thinker_config'];

export interface QuantizationConfig {
  /** `quant_method` in lower case: "gptq", "awq", "compressed-tensors", …; null when nothing is said. */
  readonly method: string | null;
  readonly entries: Entries;
}

/** @param config parsed config.json, or null */
export function quantizationConfig(config: Entries | null): QuantizationConfig {
  const places = config === null ? [] : [config, ...NESTED.map((key) => recordAt(config, key))];
  for (const place of places) {
    for (const key of KEYS) {
      const entries = recordAt(place, key);
      if (entries === NOTHING) continue;
      const method = textAt(entries, 'quant_method') ?? textAt(entries, 'method');
      return { method: method?.toLowerCase() ?? null, entries };
    }
  }
  return { method: null, entries: NOTHING };
}

/** The object at a key; an empty one for anything else. */
export function recordAt(entries: Entries, key: string): Entries {
  const value = Object.hasOwn(entries, key) ? entries[key] : undefined;
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Entries) : NOTHING;
}

export function textAt(entries: Entries, key: string): string | null {
  const value = Object.hasOwn(entries, key) ? entries[key] : undefined;
  return typeof value === 'string' ? value : null;
}

/** A whole number at a key; null for anything else, fractions and numbers beyond 2^53 included. */
export function integerAt(entries: Entries, key: string): number | null {
  const value = Object.hasOwn(entries, key) ? entries[key] : undefined;
  return Number.isSafeInteger(value) ? (value as number) : null;
}
