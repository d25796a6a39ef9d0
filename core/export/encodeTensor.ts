// Worker task: some rows of a tensor, read, permuted and encoded to the bytes the file will hold.

import { QuantscopeError } from '../base/errors.ts';
import { readInto } from '../io/fileReader.ts';
import { decodeToF32 } from '../kernels/decode.ts';
import { encodeFromF32 } from '../kernels/encode.ts';
import type { Task } from '../kernels/task.ts';
import type { Kernels } from '../kernels/wasm.ts';
import { type GgufTarget, isGgufTarget, targetBytes } from '../quant/ggufTypes.ts';
import { type DType, dtypeInfo, storedBytes } from '../tensor/dtype.ts';
import { interleaveRows, sourceRow } from './rowPermutation.ts';

export interface EncodeRows {
  readonly name: string;
  readonly path: string;
  /** Absolute byte offset of the tensor in the file. */
  readonly offset: number;
  readonly dtype: DType;
  readonly columns: number;
  readonly firstRow: number;
  readonly rows: number;
  /** Types to encode to in turn; a single one equal to `dtype` copies the bytes. */
  readonly steps: readonly DType[];
  /** Rows of one interleaved head, or 0; `firstRow` and `rows` are whole heads then. */
  readonly headRows: number;
  /** `columns` importance weights for the quantizers, where a calibration measured them. */
  readonly importance?: Float32Array | undefined;
}

/** @throws NON_FINITE naming tensor and element, FILE_TRUNCATED, FILE_UNREADABLE */
export const encodeTensor: Task<EncodeRows, Uint8Array> = (input, { kernels, checkpoint }) => {
  checkpoint();
  return isCopy(input) ? copyRows(input) : encodeRows(input, kernels);
};

function isCopy({ steps, dtype }: EncodeRows): boolean {
  return steps.length === 1 && steps[0] === dtype;
}

function copyRows(input: EncodeRows): Uint8Array {
  const bytes = new Uint8Array(storedBytes(input.dtype, input.rows * input.columns));
  readRows(input, bytes, () => new Uint8Array(bytes.length));
  return bytes;
}

function encodeRows(input: EncodeRows, kernels: Kernels): Uint8Array {
  const { arena } = kernels;
  const elements = input.rows * input.columns;
  const stored = storedBytes(input.dtype, elements);
  const source = arena.alloc(stored);
  const spare = input.headRows === 0 ? source : arena.alloc(stored);
  const values = arena.alloc(elements * 4);
  const encoded = arena.alloc(elements * 4);
  const weights = importancePointer(input, kernels);
  readRows(input, arena.u8(source, stored), () => arena.u8(spare, stored));
  decodeToF32(kernels, input.dtype, source, values, elements);
  let bytes = 0;
  for (const [at, step] of input.steps.entries()) {
    if (!isGgufTarget(step)) throw new QuantscopeError('TYPE_UNKNOWN', `${input.name}: ${step} cannot be written`);
    if (at > 0) decodeToF32(kernels, input.steps[at - 1] as GgufTarget, encoded, values, elements); // checked a turn ago
    if (dtypeInfo(step).kind === 'block') refuseNonFinite(input, arena.u32(values, elements));
    bytes = targetBytes(step, input.rows, input.columns);
    encodeFromF32(kernels, step, values, encoded, input.rows, input.columns, weights);
  }
  return arena.u8(encoded, bytes).slice();
}

/** Fills `bytes` with the rows in the order the output has them. */
function readRows(input: EncodeRows, bytes: Uint8Array, spare: () => Uint8Array): void {
  const rowBytes = storedBytes(input.dtype, input.columns);
  const at = input.offset + input.firstRow * rowBytes;
  if (input.headRows === 0) {
    readInto(input.path, at, bytes);
    return;
  }
  const unordered = spare();
  readInto(input.path, at, unordered);
  interleaveRows(unordered, bytes, rowBytes, input.headRows);
}

function importancePointer({ importance }: EncodeRows, { arena }: Kernels): number {
  if (importance === undefined) return 0;
  const at = arena.alloc(importance.length * 4);
  arena.f32(at, importance.length).set(importance);
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
