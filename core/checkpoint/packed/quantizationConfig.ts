// The part of config.json that says how weights were quantized: unknown values until looked at, nothing trusted.

type Entries = Readonly<Record<string, unknown>>;

const NOTHING: Entries = {};
/** Where quantizers put it; MLX's older files say "quantization". */
const KEYS = ['quantization_config', 'compression_config', 'quantization'];
/** Multimodal models keep the language model's configuration one level down. */
const NESTED = ['text_config', 'llm_config', 'language_config', 'thinker_config'];
/** compressed-tensors lists a few schemes; more are not looked at. */
const MAX_SCHEMES = 256;

export interface QuantizationConfig {
  /** `quant_method` in lower case: "gptq", "awq", "compressed-tensors", …; null when nothing is said. */
  readonly method: string | null;
  readonly entries: Entries;
  /** compressed-tensors: `weights` of every config group. */
  readonly schemes: readonly Entries[];
  /** Columns that share a scale, where all schemes agree; −1 means all columns. */
  readonly groupSize: number | null;
  /** Rows and columns of a block that share a scale. */
  readonly block: readonly [rows: number, columns: number] | null;
}

/** @param config parsed config.json, or null */
export function quantizationConfig(config: Entries | null): QuantizationConfig {
  const places = config === null ? [] : [config, ...NESTED.map((key) => recordAt(config, key))];
  for (const place of places) {
    for (const key of KEYS) {
      const entries = recordAt(place, key);
      if (entries === NOTHING) continue;
      return fromEntries(entries);
    }
  }
  return fromEntries(NOTHING);
}

function fromEntries(entries: Entries): QuantizationConfig {
  const method = textAt(entries, 'quant_method') ?? textAt(entries, 'method');
  const groups = recordAt(entries, 'config_groups');
  const schemes = Object.keys(groups)
    .slice(0, MAX_SCHEMES)
    .map((name) => recordAt(recordAt(groups, name), 'weights'));
  const sizes = new Set(schemes.map((scheme) => integerAt(scheme, 'group_size')));
  const blocks = [entries.weight_block_size, ...schemes.map((scheme) => scheme.block_structure)];
  return {
    method: method?.toLowerCase() ?? null,
    entries,
    schemes,
    groupSize: sizes.size === 1 ? ([...sizes][0] ?? null) : integerAt(entries, 'group_size'),
    block: blocks.map(pairOf).find((block) => block !== null) ?? null,
  };
}

function pairOf(value: unknown): readonly [number, number] | null {
  if (!Array.isArray(value) || value.length !== 2) return null;
  const [rows, columns] = value as unknown[];
  return Number.isSafeInteger(rows) && Number.isSafeInteger(columns) ? [rows as number, columns as number] : null;
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
