// Moments of what flows into linear layers, channel by channel: power sums in float64, to which batches are added in
// their order.

/** Rows of one sweep: each channel's sums stay in registers while its values are read. */
const BLOCK_ROWS = 8;
/** Σx, Σx², Σx³, Σx⁴, Σ|x|, max|x|. */
const SUMS = 6;

/** Per channel; population moments (divided by the number of rows). */
export interface ChannelFigures {
  readonly absMax: Float64Array;
  readonly mean: Float64Array;
  readonly std: Float64Array;
  /** √(mean x²). */
  readonly rms: Float64Array;
  /** Excess kurtosis, m₄ / m₂² − 3; NaN without spread. */
  readonly kurtosis: Float64Array;
}

/** Over all channels. */
export interface WholeFigures {
  readonly absMax: number;
  readonly mean: number;
  readonly std: number;
  readonly kurtosis: number;
  /** max|x| / mean|x|. */
  readonly maxToMeanRatio: number;
  /** Largest channel's max|x| over the median channel's. */
  readonly channelRatio: number;
}

export class ChannelMoments {
  readonly columns: number;
  /** SUMS arrays of `columns` numbers, one after the other. */
  readonly sums: Float64Array;
  #rows: number;

  constructor(columns: number, rows = 0, sums: Float64Array = new Float64Array(SUMS * columns)) {
    this.columns = columns;
    this.sums = sums;
    this.#rows = rows;
  }

  /** Numbers `sums` has. */
  static size(columns: number): number {
    return SUMS * columns;
  }

  /** Added so far: tokens, or rows that reached an expert. */
  get rows(): number {
    return this.#rows;
  }

  /**
   * Powers of float32 numbers up to the fourth are finite in float64, so a sum that is not tells of a value that is not.
   * @param values [rows, columns], any number of rows
   * @returns false when a value is not finite
   */
  add(values: Float32Array): boolean {
    const { columns } = this;
    const rows = values.length / columns;
    const [s1, s2, s3, s4, magnitudes, largest] = this.#parts();
    let check = 0;
    for (let first = 0; first < rows; first += BLOCK_ROWS) {
      const end = Math.min(rows, first + BLOCK_ROWS) * columns;
      for (let column = 0; column < columns; column++) {
        let t1 = 0;
        let t2 = 0;
        let t3 = 0;
        let t4 = 0;
        let magnitude = 0;
        let most = largest[column] ?? 0;
        for (let at = first * columns + column; at < end; at += columns) {
          const x = values[at] ?? 0;
          const square = x * x;
          t1 += x;
          t2 += square;
          t3 += square * x;
          t4 += square * square;
          const size = Math.abs(x);
          magnitude += size;
          most = Math.max(most, size);
        }
        s1[column] = (s1[column] ?? 0) + t1;
        s2[column] = (s2[column] ?? 0) + t2;
        s3[column] = (s3[column] ?? 0) + t3;
        s4[column] = (s4[column] ?? 0) + t4;
        magnitudes[column] = (magnitudes[column] ?? 0) + magnitude;
        largest[column] = most;
        check += t2;
      }
    }
    this.#rows += rows;
    return Number.isFinite(check);
  }

  /** Σx² per channel. */
  squares(): Float64Array {
    return this.#parts()[1];
  }

  channels(): ChannelFigures {
    const { columns } = this;
    const [s1, s2, s3, s4, , largest] = this.#parts();
    const figures = {
      absMax: Float64Array.from(largest),
      mean: new Float64Array(columns),
      std: new Float64Array(columns),
      rms: new Float64Array(columns),
      kurtosis: new Float64Array(columns),
    };
    for (let column = 0; column < columns; column++) {
      const raw = [s1, s2, s3, s4].map((sum) => (sum[column] ?? 0) / this.#rows);
      const { mean, variance, kurtosis } = central(raw);
      figures.mean[column] = mean;
      figures.std[column] = Math.sqrt(variance);
      figures.rms[column] = Math.sqrt(raw[1] ?? 0);
      figures.kurtosis[column] = kurtosis;
    }
    return figures;
  }

  whole(): WholeFigures {
    const count = this.#rows * this.columns;
    const parts = this.#parts();
    const [s1 = 0, s2 = 0, s3 = 0, s4 = 0, magnitudes = 0] = parts.slice(0, 5).map(total);
    const largest = parts[5].toSorted();
    const absMax = largest.at(-1) ?? 0;
    const { mean, variance, kurtosis } = central([s1, s2, s3, s4].map((sum) => sum / count));
    return {
      absMax,
      mean,
      std: Math.sqrt(variance),
      kurtosis,
      maxToMeanRatio: absMax / (magnitudes / count),
      channelRatio: absMax / middle(largest),
    };
  }

  #parts(): [Float64Array, Float64Array, Float64Array, Float64Array, Float64Array, Float64Array] {
    const part = (i: number): Float64Array => this.sums.subarray(i * this.columns, (i + 1) * this.columns);
    return [part(0), part(1), part(2), part(3), part(4), part(5)];
  }
}

/**
 * A mean above this many standard deviations leaves the fourth central moment no correct digit but three: its rounding
 * error is some 10⁻¹⁶ · (mean / std)⁴.
 */
const MAX_MEAN_TO_STD = 1000;

/** Central moments from raw ones, E[x] … E[x⁴]. */
function central([mean = 0, m2 = 0, m3 = 0, m4 = 0]: readonly number[]): {
  mean: number;
  variance: number;
  kurtosis: number;
} {
  const variance = Math.max(0, m2 - mean ** 2);
  const fourth = m4 - 4 * mean * m3 + 6 * mean ** 2 * m2 - 3 * mean ** 4;
  const spread = variance > 0 && Math.abs(mean) <= MAX_MEAN_TO_STD * Math.sqrt(variance);
  return { mean, variance, kurtosis: spread ? fourth / variance ** 2 - 3 : Number.NaN };
}

function total(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function middle(sorted: Float64Array): number {
  const half = sorted.length / 2;
  return ((sorted[Math.ceil(half) - 1] ?? 0) + (sorted[Math.floor(half)] ?? 0)) / 2;
}
