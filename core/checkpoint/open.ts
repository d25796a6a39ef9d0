// Opens any supported checkpoint: a file, a folder or a shard index. Reads headers only.

import { createHash } from 'node:crypto';
import { basename, dirname, resolve } from 'node:path';
import type { CheckpointFormat } from '../base/checkpointFormats.ts';
import { QuantscopeError } from '../base/errors.ts';
import { modelEnding } from '../base/modelFiles.ts';
import { isFolder } from '../io/folder.ts';
import type { TensorPlace } from '../model/places.ts';
import { placeTensors } from '../model/placeTensors.ts';
import type { Checkpoint, TensorInfo } from './checkpoint.ts';
import { findCompanions } from './companions/find.ts';
import type { ReadCheckpoint, StoredTensor } from './format.ts';
import { collectPacked } from './packed/collect.ts';
import { detectFile, detectInFolder } from './registry.ts';

/** Formats whose files hold the parts of quantized weights as tensors of their own. */
const PACKED_FORMATS: readonly CheckpointFormat[] = ['safetensors', 'pytorch'];
/** Hexadecimal digits kept of the SHA-256: 128 bits name a cache entry. */
const FINGERPRINT_DIGITS = 32;

/**
 * @param path model file, any part of a split GGUF, `*.safetensors.index.json`, or a folder holding one model
 * @throws QuantscopeError; CANCELLED when the signal fires
 */
export async function openCheckpoint(
  path: string,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<Checkpoint> {
  const { signal } = options;
  const folder = await isFolder(path);
  const detected = folder ? await detectInFolder(path) : await detectFile(path, signal);
  const read = await detected.reader.read(detected.paths, signal);
  const { config, warnings, bytesRead } = await detected.reader.readConfig(detected.paths);
  const stored = PACKED_FORMATS.includes(detected.reader.format)
    ? await collectPacked(read.tensors, read.files, config, signal)
    : { tensors: read.tensors, warnings: [], bytesRead: 0 };
  for (const { name, file } of stored.tensors) checkName(name, read.files[file]?.path ?? path);
  const beside = await findCompanions(read.files[0]?.path ?? path, config, signal);
  const { map, placeOf } = placeTensors(
    stored.tensors.map((tensor) => tensor.placeName ?? tensor.name),
    (index) => stored.tensors[index]?.shape.length ?? 0,
    { config, ggufArchitecture: read.gguf?.architecture ?? null },
  );
  const tensors = stored.tensors.map((tensor, index) => placed(tensor, index, placeOf(index)));
  return {
    format: detected.reader.format,
    path,
    name: displayName(path, folder),
    files: read.files,
    metadata: read.metadata,
    config,
    model: map,
    tensors,
    warnings: [...read.warnings, ...warnings, ...stored.warnings, ...beside.warnings],
    bytesRead: detected.bytesRead + read.bytesRead + bytesRead + stored.bytesRead + beside.bytesRead,
    fingerprint: fingerprintOf(read, stored.tensors),
    companions: beside.companions,
    ...(read.gguf === undefined ? {} : { gguf: read.gguf }),
    ...(read.imatrix === undefined ? {} : { imatrix: read.imatrix }),
  };
}

/** Completes the reader's object, which nobody else holds, instead of copying it: there may be a million. */
function placed(tensor: StoredTensor, index: number, { role, layer, stack, module }: TensorPlace): TensorInfo {
  return Object.assign(tensor, { index, role, layer, stack, module });
}

/** Plans are JSON objects keyed by tensor name; this one key is dropped by validators, so no plan could ever hold it. */
function checkName(name: string, path: string): void {
  if (name !== '__proto__') return;
  throw new QuantscopeError('NAME_INVALID', `${basename(path)}: no tensor may be named ${JSON.stringify(name)}`);
}

/** "model.safetensors" says nothing, so the folder's name stands for the common file names. */
function displayName(path: string, folder: boolean): string {
  const absolute = resolve(path);
  const name = basename(absolute);
  if (folder) return name;
  const stem = name.slice(0, name.length - (modelEnding(name)?.length ?? 0)) || name;
  return stem === 'model' || stem === 'pytorch_model' ? basename(dirname(absolute)) || name : stem;
}

/** Packed tensors are described with the help of config.json, which no header tells. */
function fingerprintOf({ files, headerDigests }: ReadCheckpoint, tensors: readonly StoredTensor[]): string {
  const hash = createHash('sha256');
  files.forEach((file, at) => {
    hash.update(JSON.stringify([basename(file.path), file.sizeBytes, file.modifiedMs]));
    const digest = headerDigests[at];
    if (digest !== undefined) hash.update(digest);
  });
  for (const { storage } of tensors) if (storage?.kind === 'packed') hash.update(storage.scheme);
  return hash.digest('hex').slice(0, FINGERPRINT_DIGITS);
}
