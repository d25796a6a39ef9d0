// Weights of an open model as float32 arrays, found by layer and grid column, decoded over the pool.

import { QuantscopeError } from '../base/errors.ts';
import type { Checkpoint, TensorInfo } from '../checkpoint/checkpoint.ts';
import { tensorSource } from '../checkpoint/tensorSource.ts';
import type { Pool } from '../kernels/pool.ts';
import { numberedExpert, numberedModule } from '../model/expertNumber.ts';
import { rowWeights } from '../quant/rowWeights.ts';
import type { StoredAs, ValuesInput } from './loadValues.ts';

/** Elements of one task: 16 MB of float32. */
const CHUNK_ELEMENTS = 1 << 22;

/** Where a weight's values lie: a tensor, or one expert's part of a tensor that holds all. */
export interface WeightPlace {
  readonly tensor: TensorInfo;
  readonly shape: readonly number[];
  /** Its first element in the tensor. */
  readonly first: number;
  readonly elements: number;
  /** Which of how many equal parts of the tensor. */
  readonly part: number;
  readonly parts: number;
}

/** How a tensor is written and read back before it is used; null for as it is. */
export type Storing = (tensor: TensorInfo) => StoredAs | null;

/** Weights that several runs through the same layer share; whoever made the map clears it. */
export type LoadedWeights = Map<string, Promise<Float32Array>>;

export class ModelWeights {
  readonly checkpoint: Checkpoint;
  readonly #pool: Pool;
  readonly #storing: Storing;
  readonly #loaded: LoadedWeights | undefined;
  readonly #byPlace = new Map<string, TensorInfo>();
  /** Places inside layers that two tensors claim: the first one's name. */
  readonly #claimed = new Map<string, string>();

  constructor(checkpoint: Checkpoint, pool: Pool, storing: Storing = () => null, loaded?: LoadedWeights) {
    this.checkpoint = checkpoint;
    this.#pool = pool;
    this.#storing = storing;
    this.#loaded = loaded;
    const main = largestStack(checkpoint.tensors);
    for (const tensor of checkpoint.tensors) {
      if (tensor.layer !== null && tensor.stack !== main) continue;
      const key = `${tensor.layer ?? ''}/${numberedModule(tensor)}`;
      const other = this.#byPlace.get(key);
      if (other !== undefined && tensor.layer !== null) this.#claimed.set(key, other.name);
      this.#byPlace.set(key, tensor);
    }
    this.#nameTied();
  }

  /** Where one matrix is embedding and head, some files keep it under the head's name. */
  #nameTied(): void {
    const output = this.#byPlace.get('/output');
    const tied = this.checkpoint.config?.tie_word_embeddings !== false;
    if (output === undefined || this.#byPlace.has('/embed') || !tied) return;
    this.#byPlace.delete('/output');
    this.#byPlace.set('/embed', output);
  }

  /** The same weights with the errors of being stored otherwise. */
  stored(storing: Storing): ModelWeights {
    return new ModelWeights(this.checkpoint, this.#pool, storing);
  }

  /** The same weights; what `loaded` holds is taken from there, and what is loaded is put there. */
  sharing(loaded: LoadedWeights): ModelWeights {
    return new ModelWeights(this.checkpoint, this.#pool, this.#storing, loaded);
  }

  /** The tensor that holds a weight. */
  find(layer: number | null, module: string): TensorInfo | null {
    return this.place(layer, module)?.tensor ?? null;
  }

  /** @param module grid column; an expert's has its number behind it ("expert_gate.3"), however experts are stored */
  place(layer: number | null, module: string): WeightPlace | null {
    const tensor = this.#byPlace.get(`${layer ?? ''}/${module}`);
    if (tensor !== undefined)
      return { tensor, shape: tensor.shape, first: 0, elements: tensor.elements, part: 0, parts: 1 };
    const { stack, number: expert } = numberedExpert(module) ?? { stack: '', number: 0 };
    const stacked = this.#byPlace.get(`${layer ?? ''}/${stack}`);
    const [experts = 0, ...shape] = stacked?.shape ?? [];
    if (stacked === undefined || shape.length !== 2 || expert >= experts) return null;
    const elements = stacked.elements / experts;
    return { tensor: stacked, shape, first: expert * elements, elements, part: expert, parts: experts };
  }

  /** @param shape expected, row-major. @throws TENSOR_NOT_FOUND, SHAPE_INVALID, CANCELLED, FILE_TRUNCATED */
  async load(
    layer: number | null,
    module: string,
    shape: readonly number[],
    signal: AbortSignal | undefined,
  ): Promise<Float32Array> {
    const place = this.needed(layer, module, shape);
    const storedAs = this.#storing(place.tensor) ?? undefined;
    const key = `${place.tensor.index} ${place.first} ${storedAs?.type} ${storedAs?.importance !== undefined}`;
    const values = this.#loaded?.get(key) ?? this.#read(place, storedAs, signal);
    this.#loaded?.set(key, values);
    return values;
  }

  async #read(
    { tensor, elements, first }: WeightPlace,
    storing: StoredAs | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Float32Array> {
    const source = tensorSource(this.checkpoint, tensor.index);
    const values = new Float32Array(elements);
    const loads: Promise<void>[] = [];
    const columns = Math.max(1, source.columns);
    const size = { rows: tensor.elements / columns, columns };
    const weights = rowWeights(storing?.importance, size, first / columns, elements / columns);
    const storedAs = storing && { ...storing, importance: weights?.values };
    const chunk = columns * Math.max(1, Math.floor(CHUNK_ELEMENTS / columns));
    for (let at = 0; at < elements; at += chunk) {
      const wanted = { first: first + at, count: Math.min(chunk, elements - at) };
      const input: ValuesInput = { source, wanted, storedAs };
      loads.push(this.#pool.run<Float32Array>('loadValues', input, { signal }).then((part) => values.set(part, at)));
    }
    await Promise.all(loads);
    return values;
  }

  /** Rows of the matrix [shape] in the order asked for, [rows.length, columns]. @throws as `load` */
  async rows(
    module: string,
    shape: readonly number[],
    rows: Uint32Array,
    signal: AbortSignal | undefined,
  ): Promise<Float32Array> {
    const { tensor } = this.needed(null, module, shape);
    const source = tensorSource(this.checkpoint, tensor.index);
    const storing = this.#storing(tensor);
    const weighs = storing?.importance?.length === source.columns;
    const storedAs = storing === null || weighs ? (storing ?? undefined) : { type: storing.type };
    const input: ValuesInput = { source, wanted: { rows }, storedAs };
    return this.#pool.run<Float32Array>('loadValues', input, { signal });
  }

  /** @param shape expected, row-major. @throws TENSOR_NOT_FOUND, SHAPE_INVALID, DUPLICATE_NAME for two of one place */
  needed(layer: number | null, module: string, shape: readonly number[]): WeightPlace {
    const place = this.place(layer, module);
    const where = layer === null ? 'outside the layers' : `in layer ${layer}`;
    if (place === null)
      throw new QuantscopeError('TENSOR_NOT_FOUND', `${this.checkpoint.name}: no ${module} weight ${where}`);
    const other = this.#claimed.get(`${layer ?? ''}/${module}`);
    if (other !== undefined)
      throw new QuantscopeError(
        'DUPLICATE_NAME',
        `${this.checkpoint.name}: both ${other} and ${place.tensor.name} are the ${module} weight ${where}`,
      );
    if (place.shape.join() === shape.join()) return place;
    const fact = `${place.tensor.name} is [${place.shape.join(', ')}], the configuration says [${shape.join(', ')}]`;
    throw new QuantscopeError('SHAPE_INVALID', `${this.checkpoint.name}: ${fact}`);
  }
}

/** Models of several kinds of input have towers of layers beside the one that reads text, which is the largest. */
function largestStack(tensors: readonly TensorInfo[]): string {
  const elements = new Map<string, number>();
  for (const { layer, stack, elements: own } of tensors)
    if (layer !== null) elements.set(stack, (elements.get(stack) ?? 0) + own);
  const [largest] = [...elements].toSorted(([, a], [, b]) => b - a);
  return largest?.[0] ?? '';
}
