// A GGUF file, whole or split, as the contents of a new one: metadata bit for bit (in little-endian order), tensors in
// their order.

import { QuantscopeError } from '../../base/errors.ts';
import type { Checkpoint } from '../../checkpoint/checkpoint.ts';
import { openByteSource } from '../../io/byteSource.ts';
import { isQuantizable } from '../../quant/ggufTypes.ts';
import { littleEndianRecord } from './byteOrder.ts';
import type { GgufContents } from './contents.ts';
import { QUANTIZATION_VERSION } from './fromHuggingFace.ts';
import { type KeyValue, u32, withKeyValues } from './keyValues.ts';

/** A merged file carrying these would be looked for in parts. */
const SPLIT_KEY = /^split\./;

/** Replaces `general.file_type` and `general.quantization_version` where they stand. @throws FILE_CHANGED, FILE_TRUNCATED */
export async function contentsFromGguf(checkpoint: Checkpoint, fileType: number): Promise<GgufContents> {
  const { gguf } = checkpoint;
  if (gguf === undefined) throw new QuantscopeError('INTERNAL', `${checkpoint.name}: opened without its GGUF details`);
  const entries = (await rawKeyValues(checkpoint)).filter(({ key }) => !SPLIT_KEY.test(key));
  return {
    alignment: gguf.alignment,
    keyValues: withKeyValues(entries, [
      u32('general.quantization_version', QUANTIZATION_VERSION),
      u32('general.file_type', fileType),
    ]),
    tensors: checkpoint.tensors.map((tensor) => ({
      name: tensor.name,
      shape: tensor.shape,
      source: tensor,
      fixedType: isQuantizable(tensor) ? null : tensor.dtype,
      keptType: tensor.dtype,
      permutedHeads: 0,
    })),
    warnings: [],
  };
}

async function rawKeyValues({ files, gguf }: Checkpoint): Promise<KeyValue[]> {
  const entries: KeyValue[] = [];
  const path = files[0]?.path;
  if (path === undefined) return entries;
  await using source = await openByteSource(path);
  for (const { key, offset, bytes } of gguf?.keyValues ?? []) {
    const record = await source.read(offset, bytes);
    entries.push({ key, bytes: gguf?.bigEndian ? littleEndianRecord(record, source.name) : record });
  }
  return entries;
}
