// Contents of the small tensors that say how others are packed: shapes, group lists, JSON. One read for neighbours.

import { MAX_PACKED_PART_BYTES, MAX_PACKED_PARTS_BYTES } from '../../base/limits.ts';
import { openByteSource } from '../../io/byteSource.ts';
import type { Extent } from '../../tensor/storage.ts';
import type { CheckpointFile } from '../checkpoint.ts';
import type { StoredTensor } from '../format.ts';
import { mapBounded } from '../mapBounded.ts';
import { rowMajorExtent } from './packing.ts';

/** Reading over a gap this small is cheaper than another read. */
const MAX_GAP_BYTES = 4096;
/** Longest single read, so that neighbours need no large buffer. */
const MAX_RUN_BYTES = 1 << 20;
const PARALLEL_FILES = 4;

export interface SmallParts {
  readonly contents: ReadonlyMap<StoredTensor, Uint8Array>;
  readonly bytesRead: number;
}

interface Part {
  readonly tensor: StoredTensor;
  readonly extent: Extent;
}

/** Parts that are too long, compressed or views are left out. @throws FILE_* and CANCELLED */
export async function readSmallParts(
  files: readonly CheckpointFile[],
  tensors: readonly StoredTensor[],
  signal: AbortSignal | undefined,
): Promise<SmallParts> {
  const contents = new Map<StoredTensor, Uint8Array>();
  const perFile = [...wantedParts(tensors)];
  const bytes = await mapBounded(perFile, PARALLEL_FILES, async ([file, parts]) => {
    const path = files[file]?.path;
    if (path === undefined) return 0;
    await using source = await openByteSource(path, signal);
    for (const run of runsOf(parts)) {
      const first = run[0]?.extent.offset ?? 0;
      const end = run.reduce((last, { extent }) => Math.max(last, extent.offset + extent.bytes), first);
      const read = await source.read(first, end - first);
      const used = run.reduce((total, { extent }) => total + extent.bytes, 0);
      for (const { tensor, extent } of run) {
        const part = read.subarray(extent.offset - first, extent.offset - first + extent.bytes);
        // A view keeps all that was read in memory, gaps included.
        contents.set(tensor, used * 2 < read.length ? part.slice() : part);
      }
    }
    return source.bytesRead;
  });
  return { contents, bytesRead: bytes.reduce((total, count) => total + count, 0) };
}

/** By file, within the limits. */
function wantedParts(tensors: readonly StoredTensor[]): Map<number, Part[]> {
  const perFile = new Map<number, Part[]>();
  let total = 0;
  for (const tensor of new Set(tensors)) {
    const extent = rowMajorExtent(tensor);
    if (extent === null || extent.deflated !== undefined || extent.bytes > MAX_PACKED_PART_BYTES) continue;
    total += extent.bytes;
    if (total > MAX_PACKED_PARTS_BYTES) break;
    const parts = perFile.get(extent.file);
    if (parts === undefined) perFile.set(extent.file, [{ tensor, extent }]);
    else parts.push({ tensor, extent });
  }
  return perFile;
}

function runsOf(parts: Part[]): Part[][] {
  const runs: Part[][] = [];
  let start = 0;
  let end = 0;
  for (const part of parts.sort((a, b) => a.extent.offset - b.extent.offset)) {
    const { offset, bytes } = part.extent;
    const run = runs.at(-1);
    if (run !== undefined && offset - end <= MAX_GAP_BYTES && offset + bytes - start <= MAX_RUN_BYTES) run.push(part);
    else {
      runs.push([part]);
      start = offset;
    }
    end = Math.max(end, offset + bytes);
  }
  return runs;
}
