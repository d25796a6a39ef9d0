// GPTQ for one export: what it will round and take, known before anything runs; then done, and read by the exporter.

import { join } from 'node:path';
import { QuantscopeError } from '../base/errors.ts';
import { type CalibrationRun, prepareRun } from '../calibration/calibrationRun.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { RunProgress } from '../forward/decoder.ts';
import type { StoredTypes } from '../forward/plannedWeights.ts';
import type { Pool } from '../kernels/pool.ts';
import type { RunSettings } from '../protocol/calibration.ts';
import type { Rounding } from '../quant/rounding/rounding.ts';
import { storedBytes } from '../tensor/dtype.ts';
import type { TensorSource } from '../tensor/storage.ts';
import { type Roundable, roundable } from './roundable.ts';
import { RoundedFolder } from './roundedFolder.ts';
import { hessianBytes, roundTensors } from './roundTensors.ts';

/** Raise when the same model, text and type would get other bytes: those of before are then not taken up. */
const VERSION = 1;

export interface RoundingWish {
  /** What each planned tensor is to be stored as. */
  readonly types: StoredTypes;
  readonly settings: RunSettings;
  /** Folder that may hold what is rounded, below it one for these Hessians. */
  readonly folder: string;
}

export class GptqRounding implements Rounding {
  readonly method = 'gptq';
  /** Hash of model and tokens. */
  readonly id: string;
  readonly settings: RunSettings;
  readonly dataset: string;
  readonly chunks: number;
  readonly tensors: number;
  readonly others: Rounding['others'];
  readonly #run: CalibrationRun;
  readonly #wanted: Roundable;
  readonly #sources: ReadonlyMap<number, TensorSource>;
  readonly #folder: RoundedFolder;
  /** Sources of those that are still to be rounded. */
  #missing: ReadonlyMap<number, TensorSource>;

  /**
   * Reads headers and the text; writes nothing.
   * @throws USAGE when no tensor can be rounded; and what `prepareRun` throws
   */
  static async prepare(checkpoint: Checkpoint, pool: Pool, wish: RoundingWish): Promise<GptqRounding> {
    const run = await prepareRun(checkpoint, pool, wish.settings);
    const wanted = roundable(run.decoder.parts, wish.types);
    if (wanted.tensors.length > 0) {
      const rounding = new GptqRounding(run, wanted, wish);
      await rounding.#look();
      return rounding;
    }
    const [first] = wanted.others;
    const fact = first === undefined ? 'the plan quantizes none' : `${first.tensor.name}: ${first.reason}`;
    throw new QuantscopeError('USAGE', `${checkpoint.name}: GPTQ can round no tensor of this plan, ${fact}`);
  }

  private constructor(run: CalibrationRun, wanted: Roundable, { types, folder }: RoundingWish) {
    this.id = run.id;
    this.settings = run.settings;
    this.dataset = run.text.name;
    this.chunks = run.set.sequences.length;
    this.tensors = wanted.tensors.length;
    this.others = wanted.others.map(({ tensor, reason }) => ({ name: tensor.name, reason }));
    this.#run = run;
    this.#wanted = wanted;
    const kept = new RoundedFolder(join(folder, `gptq-${VERSION}-${run.id}`));
    this.#folder = kept;
    this.#sources = new Map(
      wanted.tensors.flatMap((tensor) => {
        const type = types.get(tensor.index);
        return type === undefined ? [] : [[tensor.index, kept.source(tensor, type)]];
      }),
    );
    this.#missing = this.#sources;
  }

  /** The largest block's weights, all sequences' states twice, and the Hessians. */
  get memoryBytes(): number {
    if (this.#missing.size === 0) return 0;
    const { decoder, set } = this.#run;
    const { network } = decoder;
    const blocks = new Set(Array.from({ length: network.layers }, (_, layer) => network.block(layer)));
    const numbers = [...blocks].map(({ weights }) =>
      [...weights.values()].reduce((sum, { dimensions }) => sum + dimensions.reduce((a, b) => a * b, 1), 0),
    );
    return 4 * Math.max(...numbers) + 8 * set.tokens * network.width + hessianBytes(this.#wanted);
  }

  get diskBytes(): number {
    const bytes = [...this.#missing.values()].map(({ dtype, rows, columns }) => storedBytes(dtype, rows * columns));
    return bytes.reduce((sum, own) => sum + own, 0);
  }

  source(tensor: number): TensorSource | null {
    return this.#sources.get(tensor) ?? null;
  }

  /**
   * Rounds what its folder does not hold yet.
   * @param only indices of the tensors that are wanted; all when left out
   * @throws what `roundTensors` throws
   */
  async carryOut(pool: Pool, progress: RunProgress, only?: ReadonlySet<number>): Promise<void> {
    const { parts } = this.#run.decoder;
    await roundTensors(this.#wanted, {
      ...progress,
      parts,
      pool,
      sequences: this.#run.set.sequences,
      folder: this.#folder,
      only,
    });
    await this.#look();
  }

  /** Earlier attempts may have left something. */
  async #look(): Promise<void> {
    const missing = new Map(this.#sources);
    for (const [index, source] of this.#sources) if (await this.#folder.holds(source)) missing.delete(index);
    this.#missing = missing;
  }
}
