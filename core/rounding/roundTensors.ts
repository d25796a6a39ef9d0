// GPTQ over a model: layer by layer the Hessians of what its linear layers take in, and their weights rounded by them.

import { MAX_HESSIAN_BYTES } from '../base/limits.ts';
import { collectHeadHessian, collectHessians, type InputProducts } from '../calibration/hessian.ts';
import { tensorSource } from '../checkpoint/tensorSource.ts';
import { type Hidden, type Parts, runBlocks } from '../forward/blocks.ts';
import type { RunProgress } from '../forward/decoder.ts';
import { embedTokens } from '../forward/embed.ts';
import { orderedRuns } from '../kernels/orderedRuns.ts';
import type { Pool } from '../kernels/pool.ts';
import { at } from '../kernels/reference/at.ts';
import { storedBytes } from '../tensor/dtype.ts';
import type { FactorInput } from './factorTask.ts';
import { OpenTensors } from './openTensors.ts';
import type { Roundable, RoundedPlace, RoundedTap } from './roundable.ts';
import type { RoundedFolder } from './roundedFolder.ts';
import type { RoundRows } from './roundRowsTask.ts';

/** Of the mean diagonal, added to the diagonal of every Hessian: the paper's 1 %. */
export const DAMPING = 0.01;
/** Rows of one task: enough to keep workers busy, few enough that levels of all their blocks take some MB. */
const TASK_ROWS = 64;

export interface RoundingRun extends RunProgress {
  readonly parts: Parts;
  readonly pool: Pool;
  /** What the Hessians are measured on, of equal length. */
  readonly sequences: readonly Uint32Array[];
  readonly folder: RoundedFolder;
  /** Indices of the tensors that are wanted; all when left out. */
  readonly only?: ReadonlySet<number> | undefined;
  /** Of Hessians kept at a time; a layer that has more of them runs several times. */
  readonly maxHessianBytes?: number | undefined;
}

/**
 * Rounds what the folder does not hold yet. Hessians are those of the given model's own activations, not of a quantized
 * one's: a tensor's bytes depend on nothing but the model, the text and the tensor's type, whatever else is rounded, by
 * whom and in which order.
 *
 * @throws NON_FINITE naming layer or tensor, MEMORY_LIMIT, DISK_FULL, OUTPUT_INVALID, CANCELLED, and what running throws
 */
export async function roundTensors({ layers }: Pick<Roundable, 'layers'>, run: RoundingRun): Promise<void> {
  const { parts, sequences, signal } = run;
  const missing = await missingTaps(layers, run);
  const last = Math.max(-1, ...missing.keys());
  if (last < 0) return;
  const progress = new Progress(run, missing);
  await run.folder.make();
  const hidden = await embedTokens(parts, sequences, signal);
  for (let layer = 0; layer <= last; layer++) {
    const taps = missing.get(layer) ?? [];
    await using open = new OpenTensors(run.folder);
    if (layer === parts.network.layers) await roundHead(run, taps, hidden, open, progress);
    else await roundLayer(run, layer, taps, hidden, open, progress);
    open.checkAllDone();
  }
}

/** Hidden states are those after the layer then. */
async function roundLayer(
  run: RoundingRun,
  layer: number,
  taps: readonly RoundedTap[],
  hidden: Hidden,
  open: OpenTensors,
  progress: Progress,
): Promise<void> {
  const { parts, signal } = run;
  const layers: [number, number] = [layer, layer + 1];
  if (taps.length === 0) return runBlocks(parts, [hidden], { layers, signal });
  const groups = [...groupsThatFit(taps, run.maxHessianBytes)];
  for (const [number, group] of groups.entries()) {
    const state = number === groups.length - 1 ? hidden : copyOf(hidden);
    const byName = new Map(group.map((tap) => [tap.name, tap]));
    progress.say(`layer ${layer + 1} of ${parts.network.layers}: Hessians`);
    await collectHessians(parts, state, {
      layers,
      taps: ({ name }) => byName.has(name),
      onHessian: async (hessian) => {
        const tap = byName.get(hessian.tap);
        if (tap !== undefined) await roundTap(run, tap, hessian, open, progress);
      },
      signal,
    });
  }
}

async function roundHead(
  run: RoundingRun,
  taps: readonly RoundedTap[],
  hidden: Hidden,
  open: OpenTensors,
  progress: Progress,
): Promise<void> {
  progress.say('head: Hessian');
  for (const tap of taps)
    await roundTap(run, tap, await collectHeadHessian(run.parts, hidden, run.signal), open, progress);
}

/** Bytes that the Hessians of a run take at a time, besides what running the model does. */
export function hessianBytes({ layers }: Pick<Roundable, 'layers'>, maxHessianBytes?: number): number {
  let most = 0;
  for (const taps of layers.values())
    for (const group of groupsThatFit(taps, maxHessianBytes)) {
      const widest = Math.max(...group.map(bytesOf));
      // All sums; the widest a second time as products in float32, then as factor, twice.
      most = Math.max(most, group.reduce((sum, tap) => sum + bytesOf(tap), 0) + 2.5 * widest);
    }
  return most;
}

async function missingTaps(
  layers: Roundable['layers'],
  { folder, only }: RoundingRun,
): Promise<Map<number, readonly RoundedTap[]>> {
  const missing = new Map<number, readonly RoundedTap[]>();
  for (const [layer, taps] of layers) {
    const left: RoundedTap[] = [];
    for (const tap of taps) {
      const places: RoundedPlace[] = [];
      for (const place of tap.places) {
        if (only?.has(place.tensor.index) === false) continue;
        if (!(await folder.holds(folder.source(place.tensor, place.type)))) places.push(place);
      }
      if (places.length > 0) left.push({ ...tap, places });
    }
    if (left.length > 0) missing.set(layer, left);
  }
  return missing;
}

/** Taps whose Hessians are kept at the same time; the layer runs once for each group. */
function* groupsThatFit(taps: readonly RoundedTap[], limit = MAX_HESSIAN_BYTES): Generator<readonly RoundedTap[]> {
  let group: RoundedTap[] = [];
  let bytes = 0;
  for (const tap of taps) {
    if (group.length > 0 && bytes + bytesOf(tap) > limit) {
      yield group;
      [group, bytes] = [[], 0];
    }
    group.push(tap);
    bytes += bytesOf(tap);
  }
  if (group.length > 0) yield group;
}

function bytesOf({ columns }: RoundedTap): number {
  return 8 * columns ** 2;
}

function copyOf(hidden: Hidden): Hidden {
  return { ...hidden, values: hidden.values.slice() };
}

async function roundTap(
  { parts: { weights }, pool, signal }: RoundingRun,
  { columns, places }: RoundedTap,
  hessian: InputProducts,
  open: OpenTensors,
  progress: Progress,
): Promise<void> {
  const scales = scaleWeights(hessian);
  const factor = new SharedArrayBuffer(8 * columns ** 2);
  const input: FactorInput = { hessian: hessian.values, columns, damping: DAMPING, factor };
  // Nobody needs the sums any more: they move instead of being copied.
  const transfer = [hessian.values.buffer as ArrayBuffer];
  await pool.run('gptqFactor', input, { signal, transfer });
  for (const { tensor, type, first, elements } of places) {
    const source = tensorSource(weights.checkpoint, tensor.index);
    const file = await open.file(tensor, type);
    const place = { name: tensor.name, source, columns, type, factor, weights: scales };
    const tasks = [...rowTasks(place, first / columns, elements / columns)];
    for await (const bytes of orderedRuns<RoundRows, Uint8Array>(pool, 'roundRows', tasks, signal)) {
      await file.write(bytes);
      progress.add(bytes.length, tensor.name);
    }
    await open.commitIfWhole(tensor);
  }
}

function* rowTasks(place: Omit<RoundRows, 'firstRow' | 'rows'>, firstRow: number, rows: number): Generator<RoundRows> {
  for (let done = 0; done < rows; done += TASK_ROWS)
    yield { ...place, firstRow: firstRow + done, rows: Math.min(TASK_ROWS, rows - done) };
}

/** Mean squares of the columns, damped as the Hessian is: no block is without weight. */
function scaleWeights({ values, columns, rows }: InputProducts): Float32Array {
  const diagonal = Float64Array.from({ length: columns }, (_, i) => at(values, i * columns + i));
  const trace = diagonal.reduce((sum, value) => sum + value, 0);
  const added = (DAMPING * trace) / columns || 1;
  return Float32Array.from(diagonal, (value) => (value + added) / Math.max(1, rows));
}

class Progress {
  readonly #report: RunProgress['onProgress'];
  readonly #totalBytes: number;
  #doneBytes = 0;

  constructor({ onProgress }: RunProgress, missing: ReadonlyMap<number, readonly RoundedTap[]>) {
    this.#report = onProgress;
    const places = [...missing.values()].flat().flatMap((tap) => tap.places);
    this.#totalBytes = places.reduce((sum, { type, elements }) => sum + storedBytes(type, elements), 0);
  }

  say(message: string): void {
    this.#report?.(this.#doneBytes, this.#totalBytes, message);
  }

  add(bytes: number, name: string): void {
    this.#doneBytes += bytes;
    this.say(`rounding ${name}`);
  }
}
