// One HDF5 file (HDF5 File Format Specification 3.0): superblock, groups, datasets; optimizer states left out.

import { createHash } from 'node:crypto';
import { QuantscopeError } from '../../base/errors.ts';
import { MAX_HDF5_DEPTH, MAX_NAME_BYTES, MAX_TENSORS } from '../../base/limits.ts';
import { type ByteSource, openByteSource } from '../../io/byteSource.ts';
import { PagedBytes } from '../../io/pagedBytes.ts';
import type { ReadCheckpoint, StoredTensor } from '../format.ts';
import { limitName, quoteName } from '../tensorName.ts';
import { countBytes, countElements } from '../tensorSize.ts';
import { Cursor, type Widths } from './cursor.ts';
import { type Dataset, readDataset } from './dataset.ts';
import { readMembers } from './group.ts';
import { type Hdf5File, readObjectHeader } from './objectHeader.ts';

export const HDF5_SIGNATURE = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a] as const;

/** Keras keeps the optimizer's moments beside the weights. */
const OPTIMIZER_GROUPS = /^(optimizer_weights|optimizer|_optimizer)\//;
/** Where Keras puts the weights of a whole saved model. */
const WEIGHTS_PREFIX = 'model_weights/';
const SHOWN_WARNINGS = 8;

interface Entry {
  readonly path: string;
  readonly address: number;
  readonly depth: number;
}

/** @throws HEADER_*, VERSION_UNSUPPORTED, NESTING_LIMIT, COUNT_LIMIT, SHAPE_INVALID, TENSOR_OVERRUN, DUPLICATE_NAME */
export async function readHdf5File(path: string, signal: AbortSignal | undefined): Promise<ReadCheckpoint> {
  await using source = await openByteSource(path, signal);
  const pages = new PagedBytes(source);
  const { widths, root } = await readSuperblock(pages);
  const file: Hdf5File = { pages, widths };
  const tensors: StoredTensor[] = [];
  const notes: string[] = [];
  let optimizerBytes = 0;
  const names = new Set<string>();
  const groups = new Set<number>();
  const digest = createHash('sha256');
  const waiting: Entry[] = [{ path: '', address: root, depth: 0 }];
  let visited = 0;
  for (let entry = waiting.pop(); entry !== undefined; entry = waiting.pop()) {
    if (++visited + waiting.length > MAX_TENSORS)
      throw new QuantscopeError('COUNT_LIMIT', `${source.name}: more than ${MAX_TENSORS} objects`);
    const { path: at, address, depth } = entry;
    const messages = await readObjectHeader(file, address);
    for (const { type, body } of messages) digest.update(String(type)).update(body);
    const dataset = readDataset(messages, source.name, widths);
    if (dataset !== null) {
      if (typeof dataset === 'string') notes.push(`${source.name}: ${quoteName(at)} ${dataset} and is not shown`);
      else {
        const tensor = tensorOf(source, at, dataset);
        if (OPTIMIZER_GROUPS.test(at)) {
          optimizerBytes += tensor.bytes;
          continue;
        }
        if (names.has(tensor.name))
          throw new QuantscopeError('DUPLICATE_NAME', `${source.name}: tensor ${quoteName(tensor.name)} appears twice`);
        names.add(tensor.name);
        tensors.push(tensor);
      }
      continue;
    }
    if (groups.has(address)) continue; // a hard link to a group already walked, its own ancestor perhaps
    groups.add(address);
    if (depth > MAX_HDF5_DEPTH)
      throw new QuantscopeError('NESTING_LIMIT', `${source.name}: groups nested more than ${MAX_HDF5_DEPTH} deep`);
    const members = await readMembers(file, messages, (fact) => notes.push(`${source.name}: ${fact}`));
    for (const { name, address: member } of members?.toReversed() ?? [])
      waiting.push({ path: at === '' ? name : `${at}/${name}`, address: member, depth: depth + 1 });
  }
  if (optimizerBytes > 0) notes.push(`${source.name}: ${optimizerBytes} bytes of optimizer state are left out`);
  const { sizeBytes, modifiedMs, bytesRead } = source;
  return {
    files: [{ path, sizeBytes, modifiedMs }],
    headerDigests: [digest.digest()],
    metadata: {},
    tensors,
    warnings: shortened(notes),
    bytesRead,
  };
}

/** II.A: versions 0 and 1 end in the root group's symbol table entry, 2 and 3 in its address. */
async function readSuperblock(pages: PagedBytes): Promise<{ widths: Widths; root: number }> {
  const { name, sizeBytes } = pages.source;
  const head = await pages.read(0, Math.min(128, sizeBytes));
  if (!HDF5_SIGNATURE.every((byte, at) => head[at] === byte))
    throw new QuantscopeError('FORMAT_UNKNOWN', `${name}: does not begin with the HDF5 signature`);
  const fixed = new Cursor(head, name, { offsetBytes: 8, lengthBytes: 8 });
  fixed.skip(8);
  const version = fixed.u8();
  if (version > 3)
    throw new QuantscopeError(
      'VERSION_UNSUPPORTED',
      `${name}: HDF5 superblock version ${version}, only 0 to 3 are read`,
    );
  if (version < 2) fixed.skip(4);
  const widths = { offsetBytes: width(fixed), lengthBytes: width(fixed) };
  const rest = new Cursor(head.subarray(fixed.at), name, widths);
  if (version < 2) {
    rest.skip(1 + 2 + 2 + 4 + (version === 1 ? 4 : 0));
    rest.skip(4 * widths.offsetBytes + widths.offsetBytes);
    return { widths, root: rest.address() };
  }
  rest.skip(1 + 3 * widths.offsetBytes);
  return { widths, root: rest.address() };
}

function width(cursor: Cursor): 4 | 8 {
  const bytes = cursor.u8();
  return bytes === 4 || bytes === 8
    ? bytes
    : cursor.fail(`addresses or lengths of ${bytes} bytes, only 4 and 8 are read`);
}

function tensorOf(source: ByteSource, path: string, dataset: Dataset): StoredTensor {
  const name = path.startsWith(WEIGHTS_PREFIX) ? path.slice(WEIGHTS_PREFIX.length) : path;
  const where = (): string => `${source.name}: tensor ${quoteName(name)}`;
  limitName(Buffer.byteLength(name), MAX_NAME_BYTES, where);
  const { dtype, shape, offset, bigEndian } = dataset;
  const elements = countElements(shape, where);
  const bytes = countBytes(dtype, elements, where);
  if (bytes !== dataset.bytes)
    throw new QuantscopeError(
      'SHAPE_INVALID',
      `${where()}: ${dtype} [${shape.join(', ')}] needs ${bytes} bytes, ${dataset.bytes} are stored`,
    );
  if (offset + bytes > source.sizeBytes)
    throw new QuantscopeError(
      'TENSOR_OVERRUN',
      `${where()} ends at byte ${offset + bytes}, the file at ${source.sizeBytes}`,
    );
  const tensor = { name, dtype, shape, elements, bytes, file: 0, offset, placeName: placeName(name) };
  if (!bigEndian) return tensor;
  const strides = shape.map((_, at) => shape.slice(at + 1).reduce((product, length) => product * length, 1));
  return {
    ...tensor,
    storage: { kind: 'strided', extent: { file: 0, offset, bytes }, dtype, bigEndian, start: 0, shape, strides },
  };
}

/** "dense_1/dense_1/kernel:0" → "dense_1.kernel": Keras repeats the layer's name. */
function placeName(name: string): string {
  const parts = name.replace(/:\d+$/, '').split('/');
  return parts.filter((part, at) => part !== parts[at - 1]).join('.');
}

function shortened(notes: readonly string[]): string[] {
  const rest = notes.length - SHOWN_WARNINGS;
  return rest > 0 ? [...notes.slice(0, SHOWN_WARNINGS), `… and ${rest} more like these`] : [...notes];
}
