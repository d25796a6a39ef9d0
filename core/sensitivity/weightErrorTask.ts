// Worker task: round trips of one tensor through several types, and the squared error of each.

import { loadInto } from '../decode/elements.ts';
import { decodeToF32 } from '../kernels/decode.ts';
import { encodeFromF32 } from '../kernels/encode.ts';
import type { Task, TaskContext } from '../kernels/task.ts';
import type { GgufTarget } from '../quant/ggufTypes.ts';
import type { RowWeights } from '../quant/rowWeights.ts';
import type { TensorSource } from '../tensor/storage.ts';
import { type RowSample, sampledGroup } from './rowSample.ts';

/** Elements quantized between two looks at the cancel flag: about 20 ms of the slowest type. */
const CHUNK_ELEMENTS = 1 << 17;

/** Bytes past the last element that vector loads may touch. */
const SLACK_BYTES = 64;

export interface WeightErrorInput {
  readonly source: TensorSource;
  readonly sample: RowSample;
  /** Types that divide `columns` into whole blocks. */
  readonly types: readonly GgufTarget[];
  /** Weights of the columns of all rows, for the quantizers and for both sums; all 1 when left out. */
  readonly importance?: RowWeights | undefined;
}

export interface WeightErrorOutput {
  /** ‖W‖² over the sampled rows (Σ w[c]·W² with importance); NaN when an element is NaN or infinite, and then `noise` holds nothing. */
  readonly signal: number;
  /** ‖W − Ŵ‖² per type. */
  readonly noise: Float64Array;
}

/** @throws CANCELLED, FILE_TRUNCATED, FILE_UNREADABLE, MEMORY_LIMIT */
export const weightErrorTask: Task<WeightErrorInput, WeightErrorOutput> = (input, context) => {
  const { source, sample, types } = input;
  const { columns } = source;
  const { kernels, checkpoint, progress } = context;
  const groupElements = sample.groupRows * columns;
  // Rows wider than a chunk are cut at multiples of its size, a whole number of every type's blocks.
  const pieceElements =
    sample.groupRows === 1 && columns > CHUNK_ELEMENTS
      ? CHUNK_ELEMENTS
      : groupElements * Math.max(1, Math.floor(CHUNK_ELEMENTS / groupElements));
  const scratch = allocate(context, pieceElements);
  const weights = importancePointer(input, context);
  const matrixRows = input.importance?.matrixRows ?? Number.POSITIVE_INFINITY;
  const matrixOf = (k: number): number => Math.floor((sampledGroup(sample, k) * sample.groupRows) / matrixRows);
  const noise = new Float64Array(types.length);
  let signal = 0;
  /** @param column of the first element, where a row comes in pieces */
  const measure = (matrix: number, elements: number, width: number, column = 0): boolean => {
    const { run } = kernels;
    const { values, encoded, restored } = scratch;
    const [rows, own] = [elements / width, weights === 0 ? 0 : weights + (matrix * columns + column) * 4];
    signal += own === 0 ? run.sumOfSquares(values, elements) : run.weightedSquares(values, own, rows, width);
    if (!Number.isFinite(signal)) return false;
    for (const [t, type] of types.entries()) {
      checkpoint();
      encodeFromF32(kernels, type, values, encoded, rows, width, own);
      decodeToF32(kernels, type, encoded, restored, elements);
      const error =
        own === 0
          ? run.squaredError(values, restored, elements)
          : run.weightedError(values, restored, own, rows, width);
      noise[t] = (noise[t] ?? 0) + error;
    }
    progress(elements * types.length);
    return true;
  };
  for (let k = 0; k < sample.taken; ) {
    checkpoint();
    if (groupElements > pieceElements) {
      const matrix = matrixOf(k);
      const start = sampledGroup(sample, k++) * groupElements;
      for (let at = 0; at < groupElements; at += pieceElements) {
        const elements = Math.min(pieceElements, groupElements - at);
        loadInto(kernels, source, start + at, elements, scratch.values);
        if (!measure(matrix, elements, elements, at)) return { signal: Number.NaN, noise };
      }
      continue;
    }
    const matrix = matrixOf(k);
    let groups = Math.min(pieceElements / groupElements, sample.taken - k);
    if (matrixOf(k + groups - 1) !== matrix) for (groups = 1; matrixOf(k + groups) === matrix; ) groups++;
    loadGroups(input, context, scratch.values, k, groups);
    k += groups;
    if (!measure(matrix, groups * groupElements, columns)) return { signal: Number.NaN, noise };
  }
  return { signal, noise };
};

interface Scratch {
  readonly values: number;
  readonly encoded: number;
  readonly restored: number;
}

function allocate({ kernels: { arena } }: TaskContext, elements: number): Scratch {
  const floats = elements * 4 + SLACK_BYTES; // no target takes more than four bytes an element
  return {
    values: arena.alloc(floats),
    encoded: arena.alloc(floats),
    restored: arena.alloc(floats),
  };
}

function importancePointer({ importance }: WeightErrorInput, { kernels: { arena } }: TaskContext): number {
  if (importance === undefined) return 0;
  const { values } = importance;
  const at = arena.alloc(values.length * 4 + SLACK_BYTES);
  arena.f32(at, values.length).set(values);
  return at;
}

/** One load per run of neighbouring groups: a whole tensor is read in long ranges. */
function loadGroups(
  { source, sample }: WeightErrorInput,
  { kernels }: TaskContext,
  at: number,
  k: number,
  groups: number,
): void {
  const groupElements = sample.groupRows * source.columns;
  for (let done = 0; done < groups; ) {
    const first = sampledGroup(sample, k + done);
    let run = 1;
    while (done + run < groups && sampledGroup(sample, k + done + run) === first + run) run++;
    loadInto(kernels, source, first * groupElements, run * groupElements, at + done * groupElements * 4);
    done += run;
  }
}
