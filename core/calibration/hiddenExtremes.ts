// The largest values of a layer's hidden states and the size of an ordinary one: where activations are massive (Sun et
// al. 2024, arXiv 2402.17762).

/** Largest values kept per layer. */
const KEPT = 16;
/** Magnitudes are counted by exponent and six bits of mantissa: 1.6 % from one bucket to the next. */
const MANTISSA_BITS = 6;
const SHIFT = 23 - MANTISSA_BITS;
const BUCKETS = 1 << (8 + MANTISSA_BITS);

export interface Extreme {
  readonly sequence: number;
  readonly position: number;
  readonly channel: number;
  readonly value: number;
}

/** What is kept on disk of one layer. */
export interface ExtremesState {
  readonly largest: readonly Extreme[];
  /** Values per bucket. */
  readonly counts: Float64Array;
}

export class HiddenExtremes implements ExtremesState {
  readonly counts: Float64Array;
  #largest: Extreme[];

  constructor(state: ExtremesState = { largest: [], counts: new Float64Array(BUCKETS) }) {
    this.counts = state.counts;
    this.#largest = [...state.largest];
  }

  /** Numbers `counts` has. */
  static readonly buckets = BUCKETS;

  /** One value per position and channel, the largest of all sequences; largest first. */
  get largest(): readonly Extreme[] {
    return this.#largest;
  }

  /** @param values [sequences · tokens, width], finite. @param first position of the first sequence among all */
  add(values: Float32Array, width: number, tokens: number, first: number): void {
    const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
    const { counts } = this;
    let least = this.#least();
    for (let at = 0; at < values.length; at++) {
      const bucket = ((bits[at] ?? 0) & 0x7fff_ffff) >>> SHIFT;
      counts[bucket] = (counts[bucket] ?? 0) + 1;
      const value = values[at] ?? 0;
      if (Math.abs(value) <= least) continue;
      const row = Math.floor(at / width);
      this.#keep({
        sequence: first + Math.floor(row / tokens),
        position: row % tokens,
        channel: at % width,
        value,
      });
      least = this.#least();
    }
  }

  /** Median of |x|, to 0.8 %: the middle of the bucket it lies in. */
  median(): number {
    const half = this.counts.reduce((sum, count) => sum + count, 0) / 2;
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.counts[bucket] ?? 0;
      if (seen >= half) return (floorOf(bucket) + floorOf(bucket + 1)) / 2;
    }
    return 0;
  }

  #least(): number {
    return this.#largest.length < KEPT ? 0 : Math.abs(this.#largest.at(-1)?.value ?? 0);
  }

  #keep(found: Extreme): void {
    const same = this.#largest.findIndex((e) => e.position === found.position && e.channel === found.channel);
    if (same >= 0) {
      if (Math.abs(this.#largest[same]?.value ?? 0) >= Math.abs(found.value)) return;
      this.#largest.splice(same, 1);
    }
    const place = this.#largest.findIndex(({ value }) => Math.abs(value) < Math.abs(found.value));
    this.#largest.splice(place < 0 ? this.#largest.length : place, 0, found);
    this.#largest.length = Math.min(this.#largest.length, KEPT);
  }
}

/** Smallest magnitude of a bucket. */
function floorOf(bucket: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, bucket << SHIFT);
  return view.getFloat32(0);
}
