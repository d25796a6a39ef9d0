// Every format that can be opened. To add one: a folder with a FormatReader, and a line here.

import { basename, join } from 'node:path';
import { QuantscopeError } from '../base/errors.ts';
import { hasModelEnding } from '../base/modelFiles.ts';
import { type ByteSource, openByteSource } from '../io/byteSource.ts';
import { listFolder } from '../io/folder.ts';
import { type FormatReader, HEAD_BYTES } from './format.ts';
import { ggufReader } from './gguf/reader.ts';
import { hdf5Reader } from './hdf5/reader.ts';
import { imatrixReader } from './imatrix/reader.ts';
import { refuseLfsPointer } from './lfsPointer.ts';
import { llama2cReader } from './llama2c/reader.ts';
import { numpyReader } from './numpy/reader.ts';
import { onnxReader } from './onnx/reader.ts';
import { pytorchReader } from './pytorch/reader.ts';
import { safetensorsReader } from './safetensors/reader.ts';

/** In the order of preference inside a folder. */
export const FORMAT_READERS: readonly FormatReader[] = [
  safetensorsReader,
  ggufReader,
  pytorchReader,
  onnxReader,
  hdf5Reader,
  imatrixReader,
  numpyReader,
  llama2cReader,
];

/** Ends of the names of files that can be opened, lower case, with the dot. */
export const MODEL_EXTENSIONS: readonly string[] = FORMAT_READERS.flatMap((reader) => reader.extensions);

export interface DetectedCheckpoint {
  readonly reader: FormatReader;
  readonly paths: readonly string[];
  /** Bytes read to find out. */
  readonly bytesRead: number;
}

/** Content decides over the extension, so that a renamed GGUF file opens. @throws FORMAT_UNKNOWN, LFS_POINTER, FILE_* */
export async function detectFile(path: string, signal: AbortSignal | undefined): Promise<DetectedCheckpoint> {
  const lower = path.toLowerCase();
  const named = FORMAT_READERS.find((reader) => reader.extensions.some((extension) => lower.endsWith(extension)));
  await using source = await openByteSource(path, signal);
  const head = await source.read(0, Math.min(HEAD_BYTES, source.sizeBytes));
  await refuseLfsPointer(source, head);
  const reader = await readerOf(head, source, named);
  if (reader === undefined) {
    const known = MODEL_EXTENSIONS.join(', ');
    throw new QuantscopeError('FORMAT_UNKNOWN', `${source.name}: no known model format (${known})`);
  }
  return { reader, paths: [path], bytesRead: source.bytesRead };
}

/** The format named by the extension tells best what is wrong with a file that looks like none. */
async function readerOf(
  head: Uint8Array,
  source: ByteSource,
  named: FormatReader | undefined,
): Promise<FormatReader | undefined> {
  const own = await named?.sniff(head, source);
  if (own === 'surely') return named;
  let possible: FormatReader | undefined;
  for (const reader of FORMAT_READERS) {
    if (reader === named) continue;
    const sniffed = await reader.sniff(head, source);
    if (sniffed === 'surely') return reader;
    if (sniffed === 'maybe') possible ??= reader;
  }
  // Where other programs use the name as well, a file that looks like no model is none, not a broken one.
  return own === 'no' && !hasModelEnding(source.name) ? possible : (named ?? possible);
}

/** @throws FORMAT_UNKNOWN when the folder holds no model, or several */
export async function detectInFolder(folder: string): Promise<DetectedCheckpoint> {
  const names = await listFolder(folder);
  for (const reader of FORMAT_READERS) {
    const chosen = reader.choose(folder, names);
    if (chosen !== null) return { reader, paths: chosen.map((name) => join(folder, name)), bytesRead: 0 };
  }
  const known = MODEL_EXTENSIONS.join(', ');
  throw new QuantscopeError('FORMAT_UNKNOWN', `${basename(folder)}: the folder holds no model (${known})`);
}
