// Worker task: some rows of a tensor, read, permuted and encoded to the bytes the file will hold.

import { QuantscopeError } from '../base/errors.ts';
import { loadInto } from '../decode/elements.ts';
import { hasStoredBytes, readStoredBytes } from '../decode/storedBytes.ts';
import { decodeToF32 } from '../kernels/decode.ts';
import { encodeFromF32 } from '../kernels/encode.ts';
import type { Task } from '../kernels/task.ts';
import type { Kernels } from '../kernels/wasm.ts';
import { type GgufTarget, isGgufTarget, targetBytes } from '../quant/ggufTypes.ts';
import { type RowWeights, sharingRows } from '../quant/rowWeights.ts';
import { type DType, dtypeInfo, storedBytes } from '../tensor/dtype.ts';
import type { TensorSource } from '../tensor/storage.ts';
import { interleaveRows, sourceRow } from './rowPermutation.ts';

export interface EncodeRows {
  readonly name: string;
  readonly source: TensorSource;
  /** Of the rows to encode: one where a bias is permuted. */
  readonly columns: number;
  readonly firstRow: number;
  readonly rows: number;
  /** Types to encode to in turn; a single one equal to the source's dtype copies the bytes where there are such. */
  readonly steps: readonly DType[];
  /** Rows of one interleaved head, or 0; `firstRow` and `rows` are whole heads then. */
  readonly headRows: number;
  /** For the quantizers, where a calibration measured it; heads are not permuted across matrices. */
  readonly importance?: RowWeights | undefined;
  /** Something else quantizes them: the rows come back as they are, checked. */
  readonly valuesOnly?: boolean | undefined;
}

/** @throws NON_FINITE naming tensor and element, FILE_TRUNCATED, FILE_UNREADABLE */
export const encodeTensor: Task<EncodeRows, Uint8Array | Float32Array> = (input, { kernels, checkpoint }) => {
  checkpoint();
  if (isCopy(input)) return copyRows(input);
  return input.valuesOnly === true ? finiteRows(input, kernels) : encodeRows(input, kernels);
};

export function isCopy({ steps, source }: Pick<EncodeRows, 'steps' | 'source'>): boolean {
  return steps.length === 1 && steps[0] === source.dtype && hasStoredBytes(source);
}

function copyRows({ source, columns, firstRow, rows, headRows }: EncodeRows): Uint8Array {
  const rowBytes = storedBytes(source.dtype, columns);
  const bytes = new Uint8Array(rows * rowBytes);
  readStoredBytes(source, firstRow * columns, rows * columns, bytes);
  if (headRows === 0) return bytes;
  const ordered = new Uint8Array(bytes.length);
  interleaveRows(bytes, ordered, rowBytes, headRows);
  return ordered;
}

function encodeRows(input: EncodeRows, kernels: Kernels): Uint8Array {
  const { arena } = kernels;
  const { columns, firstRow } = input;
  const elements = input.rows * columns;
  const values = loadRows(input, kernels);
  const encoded = arena.alloc(elements * 4);
  const weights = importancePointer(input, kernels);
  let bytes = 0;
  for (const [at, step] of input.steps.entries()) {
    if (!isGgufTarget(step)) throw new QuantscopeError('TYPE_UNKNOWN', `${input.name}: ${step} cannot be written`);
    if (at > 0) decodeToF32(kernels, input.steps[at - 1] as GgufTarget, encoded, values, elements); // checked a turn ago
    if (dtypeInfo(step).kind === 'block') refuseNonFinite(input, arena.u32(values, elements));
    bytes = targetBytes(step, input.rows, columns);
    for (const { at: row, rows, matrix } of sharingRows(input.importance?.matrixRows ?? null, firstRow, input.rows)) {
      const [from, to] = [values + row * columns * 4, encoded + targetBytes(step, row, columns)];
      encodeFromF32(kernels, step, from, to, rows, columns, weights === 0 ? 0 : weights + matrix * columns * 4);
    }
  }
  return arena.u8(encoded, bytes).slice();
}

function finiteRows(input: EncodeRows, kernels: Kernels): Float32Array {
  const { arena } = kernels;
  const elements = input.rows * input.columns;
  const values = loadRows(input, kernels);
  refuseNonFinite(input, arena.u32(values, elements));
  return arena.f32(values, elements).slice();
}

/** @returns pointer to the rows as float32, in the order the output has them */
function loadRows({ source, columns, firstRow, rows, headRows }: EncodeRows, kernels: Kernels): number {
  const { arena } = kernels;
  const elements = rows * columns;
  const values = arena.alloc(elements * 4);
  loadInto(kernels, source, firstRow * columns, elements, values);
  if (headRows === 0) return values;
  const ordered = arena.alloc(elements * 4);
  interleaveRows(arena.u8(values, elements * 4), arena.u8(ordered, elements * 4), columns * 4, headRows);
  return ordered;
}

function importancePointer({ importance }: EncodeRows, { arena }: Kernels): number {
  if (importance === undefined) return 0;
  const { values } = importance;
  const at = arena.alloc(values.length * 4);
  arena.f32(at, values.length).set(values);
  return at;
}

/** @param bits float32 values as integers: infinities and NaN have all exponent bits set */
function refuseNonFinite(input: EncodeRows, bits: Uint32Array): void {
  for (let i = 0; i < bits.length; i++) {
    if (((bits[i] ?? 0) & 0x7f800000) !== 0x7f800000) continue;
    const row = Math.floor(i / input.columns);
    const inFile = input.firstRow + (input.headRows === 0 ? row : sourceRow(row, input.headRows));
    const value = ((bits[i] ?? 0) & 0x7fffff) === 0 ? 'infinite' : 'NaN';
    throw new QuantscopeError(
      'NON_FINITE',
      `${input.name}: element ${inFile * input.columns + (i % input.columns)} is ${value}, only finite weights can be quantized`,
    );
  }
}
