// Many small ranges of one file: those that lie near each other are fetched by one read.

import type { ByteSource } from './byteSource.ts';

export interface ByteRange {
  readonly offset: number;
  readonly bytes: number;
}

/** Reading this much in vain costs less than a second call. */
const MAX_GAP_BYTES = 4096;
/** What one read takes at most, unless a single range is longer. */
const MAX_READ_BYTES = 1 << 20;

/**
 * Reads every range and hands it to `use`, in the order of the file: ranges and their number are the caller's to bound.
 *
 * @param use gets the bytes (valid during the call only) and the index of the range in `ranges`
 * @throws FILE_TRUNCATED, FILE_UNREADABLE, CANCELLED and what `use` throws
 */
export async function readNearby(
  source: ByteSource,
  ranges: readonly ByteRange[],
  use: (bytes: Uint8Array<ArrayBuffer>, index: number) => void,
): Promise<void> {
  const order = inFileOrder(ranges);
  for (let from = 0; from < order.length; ) {
    const begin = order[from]?.offset ?? 0;
    let end = begin;
    let to = from;
    for (let next = order[to]; next !== undefined; next = order[++to]) {
      const reach = Math.max(end, next.offset + next.bytes);
      if (to > from && (next.offset - end > MAX_GAP_BYTES || reach - begin > MAX_READ_BYTES)) break;
      end = reach;
    }
    const bytes = await source.read(begin, end - begin);
    for (; from < to; from++) {
      const { offset, bytes: length, index } = order[from] as Placed;
      use(bytes.subarray(offset - begin, offset - begin + length), index);
    }
  }
}

interface Placed extends ByteRange {
  readonly index: number;
}

function inFileOrder(ranges: readonly ByteRange[]): Placed[] {
  return ranges.map((range, index) => ({ ...range, index })).sort((a, b) => a.offset - b.offset);
}
