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
/** Under way at once: hides what a call costs, and the latency of network drives; some megabytes at most. */
const PARALLEL_READS = 8;

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
  const groups = grouped(inFileOrder(ranges));
  const reads: Promise<Uint8Array<ArrayBuffer>>[] = [];
  for (let started = 0, done = 0; done < groups.length; done++) {
    for (; started < groups.length && reads.length < PARALLEL_READS; started++) {
      const { begin, end } = groups[started] as Group;
      const read = source.read(begin, end - begin);
      read.catch(() => {}); // told below, when its turn comes; reads after the first failure are nobody's
      reads.push(read);
    }
    const { begin, ranges: near } = groups[done] as Group;
    const bytes = (await reads.shift()) as Uint8Array<ArrayBuffer>;
    for (const { offset, bytes: length, index } of near)
      use(bytes.subarray(offset - begin, offset - begin + length), index);
  }
}

interface Group {
  readonly begin: number;
  readonly end: number;
  readonly ranges: readonly Placed[];
}

/** What one read fetches. */
function grouped(order: readonly Placed[]): Group[] {
  const groups: Group[] = [];
  for (let from = 0; from < order.length; ) {
    const begin = order[from]?.offset ?? 0;
    let end = begin;
    let to = from;
    for (let next = order[to]; next !== undefined; next = order[++to]) {
      const reach = Math.max(end, next.offset + next.bytes);
      if (to > from && (next.offset - end > MAX_GAP_BYTES || reach - begin > MAX_READ_BYTES)) break;
      end = reach;
    }
    groups.push({ begin, end, ranges: order.slice(from, to) });
    from = to;
  }
  return groups;
}

interface Placed extends ByteRange {
  readonly index: number;
}

function inFileOrder(ranges: readonly ByteRange[]): Placed[] {
  return ranges.map((range, index) => ({ ...range, index })).sort((a, b) => a.offset - b.offset);
}
