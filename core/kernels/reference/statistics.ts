// The statistics kernels the plain way, in float64: what assembly/{moments,counts,looks,tileExtremes}.ts are tested against.

/** n, mean, M2, M3, M4, |x|max of finite elements; two passes. */
export type ChannelMoments = [n: number, mean: number, m2: number, m3: number, m4: number, absMax: number];

export function channelMoments(values: Iterable<number>): ChannelMoments {
  const finite = [...values].filter(Number.isFinite);
  const n = finite.length;
  const mean = n === 0 ? 0 : finite.reduce((sum, x) => sum + x, 0) / n;
  const power = (p: number): number => finite.reduce((sum, x) => sum + (x - mean) ** p, 0);
  const absMax = finite.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  return [n, mean, power(2), power(3), power(4), absMax];
}

/** How often each of `patterns` unsigned codes occurs. */
export function patternCounts(codes: Uint8Array | Uint16Array, patterns: number): Float64Array {
  const counts = new Float64Array(patterns);
  for (const code of codes) counts[code] = (counts[code] ?? 0) + 1;
  return counts;
}

/** sum, sum|x|, min, max, zeros, NaN, +∞, −∞; the first five of finite elements. */
export function firstLook(values: Float32Array): Float64Array {
  const out = Float64Array.of(0, 0, Infinity, -Infinity, 0, 0, 0, 0);
  const add = (at: number, by: number): void => {
    out[at] = (out[at] ?? 0) + by;
  };
  for (const x of values) {
    if (Number.isNaN(x)) add(5, 1);
    else if (x === Infinity) add(6, 1);
    else if (x === -Infinity) add(7, 1);
    else {
      add(0, x);
      add(1, Math.abs(x));
      out[2] = Math.min(out[2] ?? 0, x);
      out[3] = Math.max(out[3] ?? 0, x);
      if (x === 0) add(4, 1);
    }
  }
  return out;
}

export interface ReferenceLimits {
  readonly min: number;
  readonly scale: number;
  readonly high3: number;
  readonly low3: number;
  readonly high6: number;
  readonly low6: number;
  readonly multiples: readonly number[];
}

/** The 256-bin histogram, and how many finite elements lie outside ±3σ, ±6σ and beyond each multiple of mean|x|. */
export function secondLook(
  values: Float32Array,
  limits: ReferenceLimits,
): { histogram: Float64Array; beyond: number[] } {
  const histogram = new Float64Array(256);
  const beyond = [0, 0, 0, 0, 0, 0];
  for (const x of values) {
    if (!Number.isFinite(x)) continue;
    // Adding 512 rounds to 2^−44 of a bin, as the kernel does.
    const bin = Math.min(255, Math.floor((x - limits.min) * limits.scale + 512) - 512);
    histogram[bin] = (histogram[bin] ?? 0) + 1;
    const outside = [
      x > limits.high3 || x < limits.low3,
      x > limits.high6 || x < limits.low6,
      ...limits.multiples.map((limit) => Math.abs(x) > limit),
    ];
    outside.forEach((is, i) => {
      if (is) beyond[i] = (beyond[i] ?? 0) + 1;
    });
  }
  return { histogram, beyond };
}

/** Index of the first element of largest magnitude; NaN is larger than infinity. */
export function extremeOf(values: Float32Array): number {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  let best = 0;
  bits.forEach((word, i) => {
    if ((word & 0x7fffffff) > ((bits[best] ?? 0) & 0x7fffffff)) best = i;
  });
  return best;
}
