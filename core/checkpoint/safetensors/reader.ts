// safetensors checkpoints: one file, shards with an index, or shards that only their names hold together.

import { basename } from 'node:path';
import { QuantscopeError } from '../../base/errors.ts';
import { MAX_SAFETENSORS_HEADER_BYTES } from '../../base/limits.ts';
import { NO_CONFIG, readModelConfig } from '../config.ts';
import type { FormatReader } from '../format.ts';
import { sameCheckpoint } from '../shardName.ts';
import { readShards, refuseIncomplete } from '../shards.ts';
import { readSafetensorsFile } from './file.ts';

const INDEX_EXTENSION = '.safetensors.index.json';

/** As the PEFT library names it. */
const ADAPTER = 'adapter_model.safetensors';

export const safetensorsReader: FormatReader = {
  format: 'safetensors',
  extensions: [INDEX_EXTENSION, '.safetensors'],
  sniff(head) {
    // No magic number: a plausible header length, then JSON.
    if (head.length < 9) return 'no';
    const length = Buffer.from(head).readBigUInt64LE(0);
    if (length < 2n || length > BigInt(MAX_SAFETENSORS_HEADER_BYTES)) return 'no';
    return head[8] === 0x7b ? 'surely' : 'no';
  },
  choose: chooseSafetensors,
  readConfig: async ([first]) => (first === undefined ? NO_CONFIG : readModelConfig(first)),
  read: (paths, signal) => readShards(paths, INDEX_EXTENSION, readSafetensorsFile, signal),
};

function chooseSafetensors(folder: string, names: readonly string[]): readonly string[] | null {
  const indexes = names.filter((name) => name.toLowerCase().endsWith(INDEX_EXTENSION));
  const all = names.filter((name) => name.toLowerCase().endsWith('.safetensors'));
  // An adapter beside a model is its companion; alone it is opened itself.
  const files = all.length > 1 ? all.filter((name) => name !== ADAPTER) : all;
  const preferred = [`model${INDEX_EXTENSION}`, 'model.safetensors'].find((name) => names.includes(name));
  if (preferred !== undefined) return [preferred];
  if (indexes[0] !== undefined && indexes.length === 1) return [indexes[0]];
  if (files.length === 0 && indexes.length === 0) return null;
  if (files.length === 1) return files;
  if (!sameCheckpoint(files)) {
    const found = [...indexes, ...files].slice(0, 4).join(', ');
    throw new QuantscopeError(
      'FORMAT_UNKNOWN',
      `${basename(folder)}: several checkpoints (${found}, …), open one of them`,
    );
  }
  refuseIncomplete(folder, files);
  return files;
}
