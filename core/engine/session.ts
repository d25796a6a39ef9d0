// The open models of one engine process, and the workers they share.

import { QuantscopeError } from '../base/errors.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { openCheckpoint } from '../checkpoint/open.ts';
import { createPool, type Pool } from '../kernels/pool.ts';
import type { ScoreId } from '../protocol/calibration.ts';
import type { Event, EventName } from '../protocol/calls.ts';
import type { SensitivityRow } from '../protocol/objects.ts';
import type { ScoreTable } from '../sensitivity/measureScore.ts';

export interface OpenModel {
  readonly id: number;
  readonly checkpoint: Checkpoint;
  readonly openMs: number;
  /** Damage per choice, by tensor index, as far as it has been computed. */
  readonly sensitivity: Map<number, SensitivityRow>;
  /** Scores that were measured on it. */
  readonly scores: Map<ScoreId, ScoreTable>;
}

export type Emit = <E extends EventName>(event: E, payload: Event<E>) => void;

/** How one engine was asked to behave. */
export interface EngineOptions {
  readonly threads?: number | undefined;
  /** Sensitivity looks at no more than this many elements of a tensor; undefined = the default, Infinity = all. */
  readonly sensitivityElements?: number | undefined;
}

export class Session {
  readonly emit: Emit;
  readonly options: EngineOptions;
  readonly #models = new Map<number, OpenModel>();
  #nextId = 1;
  #pool: Pool | undefined;

  constructor(emit: Emit, options: EngineOptions = {}) {
    this.emit = emit;
    this.options = options;
  }

  /** Started on first use: inspecting a header needs no threads. */
  get pool(): Pool {
    this.#pool ??= createPool(workerUrl(), this.options.threads);
    return this.#pool;
  }

  async open(path: string, signal?: AbortSignal): Promise<OpenModel> {
    const began = performance.now();
    const checkpoint = await openCheckpoint(path, { signal });
    const model = {
      id: this.#nextId++,
      checkpoint,
      openMs: performance.now() - began,
      sensitivity: new Map<number, SensitivityRow>(),
      scores: new Map<ScoreId, ScoreTable>(),
    };
    this.#models.set(model.id, model);
    return model;
  }

  /** @throws PROTOCOL for an id that is not open */
  model(id: number): OpenModel {
    const model = this.#models.get(id);
    if (model === undefined) throw new QuantscopeError('PROTOCOL', `no model ${id} is open in this engine`);
    return model;
  }

  close(id: number): void {
    this.#models.delete(id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#models.clear();
    await this.#pool?.close();
  }
}

/** Beside this module: worker.js in the bundle, worker.ts from source. */
function workerUrl(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);
}
