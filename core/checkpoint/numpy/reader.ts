// NumPy arrays: one in a .npy file, many in a .npz archive. Pickled objects are named and never loaded.

import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { isQuantscopeError, QuantscopeError } from '../../base/errors.ts';
import { MAX_NPY_HEADER_BYTES } from '../../base/limits.ts';
import { type ByteSource, openByteSource } from '../../io/byteSource.ts';
import { beginsLikeZip } from '../../io/zip/zipDirectory.ts';
import { NO_CONFIG, readModelConfig } from '../config.ts';
import type { FormatReader, Sniff } from '../format.ts';
import { quoteName } from '../tensorName.ts';
import { beginsLikeNpy, NPY_PREAMBLE_BYTES, npyHeaderBytes, parseNpyHeader } from './npyHeader.ts';
import { npyTensor } from './npyTensor.ts';
import { arraysInArchive, type NpzArrays, readNpz } from './npz.ts';

const EXTENSIONS = ['.npz', '.npy'];

export const numpyReader: FormatReader = {
  format: 'numpy',
  extensions: EXTENSIONS,
  async sniff(head, source) {
    if (beginsLikeNpy(head)) return 'surely';
    return beginsLikeZip(head) ? sniffArchive(source) : 'no';
  },
  choose(folder, names) {
    const files = names.filter((name) => EXTENSIONS.some((extension) => name.toLowerCase().endsWith(extension)));
    if (files.length <= 1) return files[0] === undefined ? null : files;
    const found = files.slice(0, 4).join(', ');
    throw new QuantscopeError('FORMAT_UNKNOWN', `${basename(folder)}: several models (${found}, …), open one of them`);
  },
  readConfig: async ([first]) => (first === undefined ? NO_CONFIG : readModelConfig(first)),
  async read([path], signal) {
    if (path === undefined) throw new QuantscopeError('INTERNAL', 'no NumPy file was named');
    await using source = await openByteSource(path, signal);
    const head = await source.read(0, Math.min(source.sizeBytes, NPY_PREAMBLE_BYTES + MAX_NPY_HEADER_BYTES));
    const { tensors, warnings, headerDigest } = beginsLikeZip(head) ? await readNpz(source, 0) : readNpy(source, head);
    return {
      files: [{ path, sizeBytes: source.sizeBytes, modifiedMs: source.modifiedMs }],
      headerDigests: [headerDigest],
      metadata: {},
      tensors,
      warnings,
      bytesRead: source.bytesRead,
    };
  },
};

/** A broken archive is left to the format its name tells, which says what is wrong with it. */
async function sniffArchive(source: ByteSource): Promise<Sniff> {
  try {
    const arrays = await arraysInArchive(source);
    return arrays === 'all' ? 'surely' : arrays === 'some' ? 'maybe' : 'no';
  } catch (error) {
    if (isQuantscopeError(error) && error.code !== 'CANCELLED') return 'no';
    throw error;
  }
}

/** @param head the header, and maybe some of the data */
function readNpy(source: ByteSource, head: Uint8Array): NpzArrays {
  const where = (): string => source.name;
  if (!beginsLikeNpy(head)) {
    throw new QuantscopeError('FORMAT_UNKNOWN', `${source.name}: neither a NumPy array nor an archive of them`);
  }
  const headerBytes = npyHeaderBytes(head, where);
  if (headerBytes > head.length) {
    const fact = `the header has ${headerBytes} bytes, the file ${source.sizeBytes}`;
    throw new QuantscopeError('HEADER_TRUNCATED', `${source.name}: ${fact}`);
  }
  const bytes = head.subarray(0, headerBytes);
  const headerDigest = createHash('sha256').update(bytes).digest();
  const name = source.name.replace(/\.npy$/i, '');
  const extent = { file: 0, offset: 0, bytes: source.sizeBytes };
  const array = npyTensor(parseNpyHeader(bytes, where), { name, extent }, where);
  const note = (fact: string): string => `${source.name}: the array ${quoteName(name)} ${fact}`;
  if ('unreadable' in array) {
    return { tensors: [], warnings: [note(`is left out: ${array.unreadable}`)], headerDigest };
  }
  const warnings = array.guess === undefined ? [] : [note(`has ${array.guess}`)];
  // np.save appends when it is given an open file.
  const extra = source.sizeBytes - headerBytes - array.tensor.bytes;
  if (extra > 0)
    warnings.push(`${source.name}: ${extra} bytes after the first array, which may be others, are not read`);
  return { tensors: [array.tensor], warnings, headerDigest };
}
