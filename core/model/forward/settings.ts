// Numbers of a network by both their names: config.json's, and llama.cpp's among a GGUF file's key-values.

import { QuantscopeError } from '../../base/errors.ts';
import {
  arrayAt,
  countAt,
  type JsonObject,
  neededCount,
  numberAt,
  objectAt,
  shown,
  textAt,
} from '../../base/jsonObject.ts';
import type { ModelHeaders } from './family.ts';

type Reader<T> = (parent: JsonObject, key: string) => T | null;

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

  /** A positive integer, or null where there is none or 0. @throws HEADER_INVALID for anything else */
  optionalCount(config: string, gguf: string): number | null {
    return this.#checked(config, gguf, 'a positive integer', countAt) || null;
  }

  /** Finite, or null where there is none. @throws HEADER_INVALID for anything else, as all below */
  number(config: string, gguf: string): number | null {
    return this.#checked(config, gguf, 'a number', numberAt);
  }

  text(config: string, gguf: string): string | null {
    return this.#checked(config, gguf, 'a text', textAt);
  }

  flag(config: string, gguf: string): boolean | null {
    return this.#checked(config, gguf, 'true or false', (parent, key) =>
      typeof parent[key] === 'boolean' ? parent[key] : null,
    );
  }

  /** Of config.json only; empty for GGUF. */
  list(config: string): readonly unknown[] {
    const read = (parent: JsonObject, key: string) => (Array.isArray(parent[key]) ? arrayAt(parent, key) : null);
    return this.fromGguf ? [] : (this.#checked(config, '', 'a list', read) ?? []);
  }

  /** Of config.json only; null for GGUF. */
  object(config: string): JsonObject | null {
    return this.fromGguf ? null : this.#checked(config, '', 'an object', objectAt);
  }

  /** Of an object inside config.json. */
  numberIn(parent: JsonObject, key: string): number | null {
    return this.#valid(parent, key, 'a number', numberAt);
  }

  /** For numbers that contradict each other. @throws HEADER_INVALID */
  refuse(fact: string): never {
    throw new QuantscopeError('HEADER_INVALID', `${this.file}: ${fact}`);
  }

  /** For switches no graph is written for. @throws UNSUPPORTED_ARCHITECTURE */
  unsupported(fact: string): never {
    throw new QuantscopeError('UNSUPPORTED_ARCHITECTURE', `${this.file}: ${fact}`);
  }

  #checked<T>(config: string, gguf: string, needed: string, read: Reader<T>): T | null {
    const key = this.#key(config, gguf);
    return this.#valid(this.#only(key), key, needed, read);
  }

  /** What is there but of another kind is no reason to run with the usual value. */
  #valid<T>(parent: JsonObject, key: string, needed: string, read: Reader<T>): T | null {
    const value = parent[key];
    if (value === undefined || value === null) return null;
    return read(parent, key) ?? this.refuse(`${key} is ${shown(value)}, ${needed} is needed`);
  }

  #key(config: string, gguf: string): string {
    return this.fromGguf ? `${this.architecture}.${gguf}` : config;
  }

  #only(key: string): JsonObject {
    return { [key]: this.#read(key) };
  }
}
