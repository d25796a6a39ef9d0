// Opens any supported checkpoint: a file, a folder or a shard index. Reads headers only.

import { createHash } from 'node:crypto';
import { basename, dirname, resolve } from 'node:path';
import { QuantscopeError } from '../base/errors.ts';
import { isFolder } from '../io/folder.ts';
import { placeTensors } from '../model/placeTensors.ts';
import type { Checkpoint, TensorInfo } from './checkpoint.ts';
import type { ReadCheckpoint } from './format.ts';
import { detectFile, detectInFolder } from './registry.ts';

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
  for (const { name, file } of read.tensors) checkName(name, read.files[file]?.path ?? path);
  const { config, warnings, bytesRead } = await detected.reader.readConfig(detected.paths);
  const { map, places } = placeTensors(
    read.tensors.map((tensor) => tensor.placeName ?? tensor.name),
    read.tensors.map((tensor) => tensor.shape),
    { config, ggufArchitecture: read.gguf?.architecture ?? null },
  );
  const tensors = read.tensors.map((tensor, index): TensorInfo => {
    const place = places[index] ?? { role: 'other', layer: null, stack: '', module: tensor.name };
    const { name, dtype, shape, elements, bytes, file, offset, storage } = tensor;
    const { role, layer, stack, module } = place;
    const info = { index, name, dtype, shape, elements, bytes, file, offset, role, layer, stack, module };
    return storage === undefined ? info : { ...info, storage };
  });
  return {
    format: detected.reader.format,
    path,
    name: displayName(path, folder),
    files: read.files,
    metadata: read.metadata,
    config,
    model: map,
    tensors,
    warnings: [...read.warnings, ...warnings],
    bytesRead: detected.bytesRead + read.bytesRead + bytesRead,
    fingerprint: fingerprintOf(read),
    companions: [],
    ...(read.gguf === undefined ? {} : { gguf: read.gguf }),
    ...(read.imatrix === undefined ? {} : { imatrix: read.imatrix }),
  };
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
  if (/^(model|pytorch_model)\.safetensors(\.index\.json)?$/.test(name)) return basename(dirname(absolute)) || name;
  return name.replace(/\.safetensors\.index\.json$|\.safetensors$|\.gguf$/i, '');
}

function fingerprintOf({ files, headerDigests }: ReadCheckpoint): string {
  const hash = createHash('sha256');
  files.forEach((file, at) => {
    hash.update(JSON.stringify([basename(file.path), file.sizeBytes, file.modifiedMs]));
    const digest = headerDigests[at];
    if (digest !== undefined) hash.update(digest);
  });
  return hash.digest('hex').slice(0, FINGERPRINT_DIGITS);
}
