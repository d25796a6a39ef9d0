// What every sensitivity score offers: a name, its formula, and a run that yields the damage of each type per tensor.

import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { Pool } from '../kernels/pool.ts';
import type { Provenance, SensitivityRow } from '../protocol/objects.ts';
import type { GgufTarget } from '../quant/ggufTypes.ts';
import type { Importance } from '../quant/importance.ts';

export interface ScoreOptions {
  /** Types asked for; all exportable ones by default. Rows hold one damage per type, in this order. */
  readonly types?: readonly GgufTarget[] | undefined;
  /** Larger tensors are estimated from evenly spaced rows; Infinity measures every element. */
  readonly maxElementsPerTensor?: number | undefined;
  /** Weighs columns, in the quantizers and in the error; plain squares where a tensor has none. */
  readonly importance?: Importance | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Receives each tensor once, cached ones first. */
  readonly onRow: (row: SensitivityRow) => void;
  /** done and total in elements × types. */
  readonly onProgress?: ((done: number, total: number, message: string) => void) | undefined;
  /** False neither reads nor writes results on disk. */
  readonly cache?: boolean | undefined;
}

export interface ScoreResult {
  readonly tensors: number;
  /** How many of them came from the cache. */
  readonly cached: number;
  readonly provenance: Provenance;
}

export interface Score {
  readonly id: string;
  readonly name: string;
  readonly formula: string;
  /** @throws CANCELLED, FILE_TRUNCATED, FILE_UNREADABLE, FILE_NOT_FOUND */
  run(checkpoint: Checkpoint, pool: Pool, options: ScoreOptions): Promise<ScoreResult>;
}
