// How large a GGUF export will be, exactly, for any choice of types; and whether one can be made at all.

import { isQuantscopeError, type QuantscopeError } from '../../base/errors.ts';
import type { Checkpoint, TensorInfo } from '../../checkpoint/checkpoint.ts';
import { imatrixBlocker } from '../../checkpoint/imatrixDetails.ts';
import { type GgufTarget, storedType, targetBytes } from '../../quant/ggufTypes.ts';
import type { Importance } from '../../quant/importance.ts';
import { dataOffset, padded, tensorBytes } from './container.ts';
import type { GgufContents } from './contents.ts';
import { contentsFromGguf } from './fromGguf.ts';
import { contentsFromHuggingFace, huggingFaceBlocker, QUANTIZATION_VERSION } from './fromHuggingFace.ts';
import { IMPORTANCE_KEYS, importanceKeyValues } from './importanceKeyValues.ts';
import { text, u32 } from './keyValues.ts';
import { fixedType, keptType } from './storedTypes.ts';
import { isWeighed } from './weighed.ts';

export interface GgufSize {
  /** Everything no plan can change: header, metadata, tokenizer, and tensors that are never quantized. */
  readonly fixedBytes: number;
  /** More of it where importance weighed any tensor: the file names the matrix then. */
  readonly importanceBytes: number;
  /** Bytes one quantizable tensor adds when `type` is asked for: fallback for odd widths and padding included. */
  paddedBytes(rows: number, columns: number, type: GgufTarget): number;
  /** Whether importance has a say in a tensor that is stored in the type. */
  isWeighed(tensor: Pick<TensorInfo, 'index' | 'dtype'>, stored: GgufTarget): boolean;
}

/**
 * The file's size is `fixedBytes` + Σ `paddedBytes` over quantizable tensors, to the byte, and `importanceBytes` once any
 * of them is weighed. A checkpoint that cannot become a GGUF gets the size of a container with its tensors and no
 * tokenizer, so that it can still be planned.
 *
 * @param importance what the export will be made with
 */
export async function ggufSize(checkpoint: Checkpoint, importance?: Importance): Promise<GgufSize> {
  const own = await contentsOf(checkpoint, 0).catch((error: unknown) => {
    if (isQuantscopeError(error) && EXPECTED.has(error.code)) return bareContents(checkpoint);
    throw error;
  });
  const contents = naming(own, importance, false);
  const headBytes = dataOffset(contents);
  let fixedBytes = headBytes;
  for (const tensor of contents.tensors) {
    if (tensor.fixedType !== null) fixedBytes += padded(tensorBytes(tensor, tensor.fixedType), contents.alignment);
  }
  return {
    fixedBytes,
    importanceBytes: dataOffset(naming(own, importance, true)) - headBytes,
    paddedBytes: (rows, columns, type) =>
      padded(targetBytes(storedType(type, columns), rows, columns), contents.alignment),
    isWeighed: (tensor, stored) => isWeighed(checkpoint, importance, tensor, stored),
  };
}

/** Why GGUF export is impossible, as far as the headers tell, or null. The tokenizer is looked at in the preflight. */
export function ggufBlocker(checkpoint: Checkpoint): string | null {
  const blocker = imatrixBlocker(checkpoint);
  if (blocker !== null) return blocker;
  return checkpoint.format === 'gguf' ? null : huggingFaceBlocker(checkpoint);
}

/** @throws UNSUPPORTED_ARCHITECTURE, TOKENIZER_UNSUPPORTED, HEADER_INVALID, SHAPE_INVALID, TENSOR_NOT_FOUND */
export function contentsOf(checkpoint: Checkpoint, fileType: number): Promise<GgufContents> {
  return checkpoint.format === 'gguf'
    ? contentsFromGguf(checkpoint, fileType)
    : contentsFromHuggingFace(checkpoint, fileType);
}

/**
 * With the name of the importance matrix where it weighed a tensor; that of a source's own is left out then or not,
 * so that a name never makes a file smaller.
 */
export function naming(contents: GgufContents, importance: Importance | undefined, weighed: boolean): GgufContents {
  if (importance === undefined) return contents;
  const keyValues = contents.keyValues.filter(({ key }) => !key.startsWith(IMPORTANCE_KEYS));
  return { ...contents, keyValues: [...keyValues, ...(weighed ? importanceKeyValues(importance) : [])] };
}

const EXPECTED: ReadonlySet<QuantscopeError['code']> = new Set([
  'UNSUPPORTED_ARCHITECTURE',
  'TOKENIZER_UNSUPPORTED',
  'HEADER_INVALID',
  'HEADER_TOO_LARGE',
  'SHAPE_INVALID',
  'TENSOR_NOT_FOUND',
  'FILE_EMPTY',
]);

function bareContents(checkpoint: Checkpoint): GgufContents {
  return {
    alignment: 32,
    keyValues: [
      text('general.architecture', checkpoint.model.architecture ?? 'unknown'),
      text('general.name', checkpoint.name),
      u32('general.file_type', 0),
      u32('general.quantization_version', QUANTIZATION_VERSION),
    ],
    tensors: checkpoint.tensors.map((tensor) => ({
      name: tensor.name,
      shape: tensor.shape,
      source: tensor,
      fixedType: fixedType(tensor),
      keptType: keptType(tensor),
      permutedHeads: 0,
    })),
    warnings: [],
  };
}
