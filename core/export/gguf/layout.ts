// How large a GGUF export will be, exactly, for any choice of types; and whether one can be made at all.

import { isQuantscopeError, type QuantscopeError } from '../../base/errors.ts';
import type { Checkpoint } from '../../checkpoint/checkpoint.ts';
import { imatrixBlocker } from '../../checkpoint/imatrixDetails.ts';
import { type GgufTarget, storedType, targetBytes } from '../../quant/ggufTypes.ts';
import type { Importance } from '../../quant/importance.ts';
import { dataOffset, padded, tensorBytes } from './container.ts';
import type { GgufContents } from './contents.ts';
import { contentsFromGguf } from './fromGguf.ts';
import { contentsFromHuggingFace, huggingFaceBlocker, QUANTIZATION_VERSION } from './fromHuggingFace.ts';
import { importanceKeyValues } from './importanceKeyValues.ts';
import { text, u32, withKeyValues } from './keyValues.ts';
import { fixedType, keptType } from './storedTypes.ts';

export interface GgufSize {
  /** Everything no plan can change: header, metadata, tokenizer, and tensors that are never quantized. */
  readonly fixedBytes: number;
  /** Bytes one quantizable tensor adds when `type` is asked for: fallback for odd widths and padding included. */
  paddedBytes(rows: number, columns: number, type: GgufTarget): number;
}

/**
 * The file's size is `fixedBytes` + Σ `paddedBytes` over quantizable tensors, to the byte. A checkpoint that cannot
 * become a GGUF gets the size of a container with its tensors and no tokenizer, so that it can still be planned.
 *
 * @param importance what the export will be made with: the file names it
 */
export async function ggufSize(checkpoint: Checkpoint, importance?: Importance): Promise<GgufSize> {
  const contents = await contentsOf(checkpoint, 0, importance).catch((error: unknown) => {
    if (isQuantscopeError(error) && EXPECTED.has(error.code)) return bareContents(checkpoint);
    throw error;
  });
  let fixedBytes = dataOffset(contents);
  for (const tensor of contents.tensors) {
    if (tensor.fixedType !== null) fixedBytes += padded(tensorBytes(tensor, tensor.fixedType), contents.alignment);
  }
  return {
    fixedBytes,
    paddedBytes: (rows, columns, type) =>
      padded(targetBytes(storedType(type, columns), rows, columns), contents.alignment),
  };
}

/** Why GGUF export is impossible, as far as the headers tell, or null. The tokenizer is looked at in the preflight. */
export function ggufBlocker(checkpoint: Checkpoint): string | null {
  const blocker = imatrixBlocker(checkpoint);
  if (blocker !== null) return blocker;
  return checkpoint.format === 'gguf' ? null : huggingFaceBlocker(checkpoint);
}

/** @throws UNSUPPORTED_ARCHITECTURE, TOKENIZER_UNSUPPORTED, HEADER_INVALID, SHAPE_INVALID, TENSOR_NOT_FOUND */
export async function contentsOf(
  checkpoint: Checkpoint,
  fileType: number,
  importance?: Importance,
): Promise<GgufContents> {
  const contents = await (checkpoint.format === 'gguf'
    ? contentsFromGguf(checkpoint, fileType)
    : contentsFromHuggingFace(checkpoint, fileType));
  return { ...contents, keyValues: withKeyValues(contents.keyValues, importanceKeyValues(importance)) };
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
