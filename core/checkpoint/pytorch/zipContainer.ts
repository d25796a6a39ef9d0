// torch.save since 1.6, and TorchScript: a zip archive with NAME/data.pkl and one entry NAME/data/KEY for every storage.

import { createHash } from 'node:crypto';
import { QuantscopeError } from '../../base/errors.ts';
import { MAX_PICKLE_BYTES } from '../../base/limits.ts';
import type { ByteSource } from '../../io/byteSource.ts';
import { readZipEntry, zipDataOffsets } from '../../io/zip/zipData.ts';
import { readZipDirectory, type ZipEntry } from '../../io/zip/zipDirectory.ts';
import { quoteName } from '../tensorName.ts';
import { type Container, resolvePersistentId, type StorageExtent } from './container.ts';
import type { GlobalLog } from './globalLog.ts';
import { PickleEndMissing } from './pickleCursor.ts';
import type { PickleValue } from './pickleValue.ts';
import { unpickle } from './unpickle.ts';

const PICKLE = 'data.pkl';
/** At the top, or in the one folder that PyTorch names after the file. */
const PICKLE_PATH = /^([^/]+\/)?data\.pkl$/;
/** "little" or "big". */
const MAX_BYTE_ORDER_BYTES = 16;

/** Entries that hold a model's pickle: none in other archives, more than one in none PyTorch writes. */
export function picklesOf(entries: readonly ZipEntry[]): ZipEntry[] {
  return entries.filter(({ name }) => name.endsWith(PICKLE) && PICKLE_PATH.test(name));
}

/** @param file number of the file in the checkpoint. @throws ARCHIVE_INVALID, FORMAT_UNKNOWN and what unpickle throws */
export async function readZipContainer(source: ByteSource, file: number, globals: GlobalLog): Promise<Container> {
  const entries = new Map((await readZipDirectory(source)).map((entry) => [entry.name, entry]));
  const pickles = picklesOf([...entries.values()]);
  const [pickle] = pickles;
  if (pickle === undefined || pickles.length > 1) {
    const fact = `the archive has ${pickles.length} entries ${PICKLE}, a PyTorch checkpoint has one`;
    throw new QuantscopeError('FORMAT_UNKNOWN', `${source.name}: ${fact}`);
  }
  const folder = pickle.name.slice(0, -PICKLE.length);
  const hash = createHash('sha256');
  let headerBytes = 0;
  const value = async (entry: ZipEntry, storages: string): Promise<PickleValue> => {
    const bytes = await readZipEntry(source, entry, MAX_PICKLE_BYTES);
    hash.update(bytes);
    headerBytes += bytes.length;
    return unpickleEntry(source.name, entry, bytes, storages, globals);
  };
  const root = await value(pickle, `${folder}data/`);
  const constants = entries.get(`${folder}constants.pkl`);
  const bigEndian = await isBigEndian(source, entries.get(`${folder}byteorder`));
  return {
    root,
    constants: constants === undefined ? null : await value(constants, `${folder}constants/`),
    headerBytes,
    headerDigest: hash.digest(),
    locate: (keys) =>
      locateEntries(
        source,
        file,
        bigEndian,
        [...keys].flatMap((key) => entries.get(key) ?? []),
      ),
  };
}

function unpickleEntry(
  file: string,
  { name }: ZipEntry,
  bytes: Uint8Array,
  storages: string,
  globals: GlobalLog,
): PickleValue {
  const entry = /^[A-Za-z0-9_./-]{1,100}$/.test(name) ? name : quoteName(name);
  const persistent = (id: PickleValue, fail: (fact: string) => never) => resolvePersistentId(id, storages, fail);
  try {
    return unpickle(bytes, 0, { place: { file, entry, base: 0 }, globals, persistent }).value;
  } catch (error) {
    if (!(error instanceof PickleEndMissing)) throw error;
    const fact = `the pickle needs ${error.wantedBytes} bytes at least, ${entry} has ${bytes.length}`;
    throw new QuantscopeError('HEADER_TRUNCATED', `${file}: ${fact}`);
  }
}

/** Written since 2.1; archives without it are little-endian. */
async function isBigEndian(source: ByteSource, entry: ZipEntry | undefined): Promise<boolean> {
  if (entry === undefined) return false;
  const order = Buffer.from(await readZipEntry(source, entry, MAX_BYTE_ORDER_BYTES)).toString('latin1');
  if (order === 'little' || order === 'big') return order === 'big';
  throw new QuantscopeError('HEADER_INVALID', `${source.name}: the byte order is ${quoteName(order)}`);
}

async function locateEntries(
  source: ByteSource,
  file: number,
  bigEndian: boolean,
  entries: readonly ZipEntry[],
): Promise<Map<string, StorageExtent>> {
  const offsets = await zipDataOffsets(source, entries);
  return new Map(
    entries.map(({ name, method, bytes, compressedBytes }, at) => {
      const place = { file, offset: offsets[at] ?? 0, bytes };
      const extent = method === 'deflate' ? { ...place, deflated: compressedBytes } : place;
      return [name, { extent, bigEndian }];
    }),
  );
}
