// Sessions and constants of every kind of block a network has, made when a layer of the kind first runs.

import type { Block, Constant } from '../model/forward/family.ts';
import type { Feeds, Runtime } from './runtime.ts';
import { type Built, SessionsBySize } from './sessions.ts';

export interface BlockKind<T extends Built> extends AsyncDisposable {
  readonly constants: Feeds;
  /** @param count sequences of the batch */
  of(count: number): Promise<T>;
}

export class BlockKinds<T extends Built> implements AsyncDisposable {
  readonly #kinds = new Map<Block, BlockKind<T>>();
  readonly #make: (block: Block) => BlockKind<T>;

  /** @param build called once per kind of block and number of sequences */
  constructor(runtime: Runtime, tokens: number, build: (block: Block, sequences: number) => Promise<T>) {
    this.#make = (block) => {
      const sessions = new SessionsBySize((count) => build(block, count));
      return {
        constants: constantFeeds(runtime, block.constants(tokens)),
        of: (count) => sessions.of(count),
        [Symbol.asyncDispose]: () => sessions[Symbol.asyncDispose](),
      };
    };
  }

  of(block: Block): BlockKind<T> {
    const kind = this.#kinds.get(block) ?? this.#make(block);
    this.#kinds.set(block, kind);
    return kind;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const kind of this.#kinds.values()) await kind[Symbol.asyncDispose]();
  }
}

function constantFeeds(runtime: Runtime, constants: Readonly<Record<string, Constant>>): Feeds {
  const feeds = Object.entries(constants).map(([name, { values, dimensions }]) => [
    name,
    runtime.tensor(values, dimensions),
  ]);
  return Object.fromEntries(feeds) as Feeds; // every value is a tensor
}
