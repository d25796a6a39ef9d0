// Numbers of a network by both their names: config.json's, and llama.cpp's among a GGUF file's key-values.

import { QuantscopeError } from '../../base/errors.ts';
import { arrayAt, countAt, type JsonObject, neededCount, numberAt, objectAt, textAt } from '../../base/jsonObject.ts';
import type { ModelHeaders } from './family.ts';

/**
 * In every method: the key of config.json, and what follows "<architecture>." among GGUF's keys (llama.cpp's LLM_KV
 * names; '' where it has none).
 */
export class Settings {
  /** `model_type` or `general.architecture`. */
  readonly architecture: string;
  readonly fromGguf: boolean;
  /** As errors name it. */
  readonly file: string;
  readonly #read: (key: string) => unknown;

  constructor({ name, config, gguf }: ModelHeaders, architecture: string) {
    this.architecture = architecture;
    this.fromGguf = gguf !== null;
    this.file = gguf === null ? 'config.json' : name;
    // Models of several kinds of input describe what reads text apart.
    const text = config === null ? null : objectAt(config, 'text_config');
    this.#read = gguf ?? ((key) => text?.[key] ?? config?.[key]);
  }

  /** A positive integer. @param usual where there is none. @throws HEADER_INVALID */
  count(config: string, gguf: string, usual?: number): number {
    const key = this.#key(config, gguf);
    if (usual !== undefined && this.#read(key) === undefined) return usual;
    return neededCount(this.#only(key), key, this.file);
  }

  /** A positive integer, or null where there is none. */
  optionalCount(config: string, gguf: string): number | null {
    const key = this.#key(config, gguf);
    return countAt(this.#only(key), key) || null;
  }

  number(config: string, gguf: string): number | null {
    const key = this.#key(config, gguf);
    return numberAt(this.#only(key), key);
  }

  text(config: string, gguf: string): string | null {
    const key = this.#key(config, gguf);
    return textAt(this.#only(key), key);
  }

  flag(config: string, gguf: string): boolean | null {
    const value = this.#read(this.#key(config, gguf));
    return typeof value === 'boolean' ? value : null;
  }

  /** Of config.json only; empty for GGUF. */
  list(config: string): readonly unknown[] {
    return this.fromGguf ? [] : arrayAt(this.#only(config), config);
  }

  /** Of config.json only; null for GGUF. */
  object(config: string): JsonObject | null {
    return this.fromGguf ? null : objectAt(this.#only(config), config);
  }

  /** For numbers that contradict each other. @throws HEADER_INVALID */
  refuse(fact: string): never {
    throw new QuantscopeError('HEADER_INVALID', `${this.file}: ${fact}`);
  }

  /** For switches no graph is written for. @throws UNSUPPORTED_ARCHITECTURE */
  unsupported(fact: string): never {
    throw new QuantscopeError('UNSUPPORTED_ARCHITECTURE', `${this.file}: ${fact}`);
  }

  #key(config: string, gguf: string): string {
    return this.fromGguf ? `${this.architecture}.${gguf}` : config;
  }

  #only(key: string): JsonObject {
    return { [key]: this.#read(key) };
  }
}
