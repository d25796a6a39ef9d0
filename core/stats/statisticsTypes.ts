// What the statistics pass says about one tensor.

/** Figures of one tensor. NaN and infinite elements are counted and left out of every other figure. */
export interface TensorStatistics {
  readonly count: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  /** Population standard deviation (divisor n). */
  readonly std: number;
  readonly absMax: number;
  readonly rms: number;
  /** Excess (Fisher) kurtosis, E[(x−μ)⁴]/σ⁴ − 3; NaN when σ = 0. */
  readonly kurtosis: number;
  /** max|x| / mean|x|; NaN when every element is zero. */
  readonly maxToMeanRatio: number;
  /** Share of elements with |x − μ| > 3σ, > 6σ. */
  readonly outlierFraction3: number;
  readonly outlierFraction6: number;
  readonly zeros: number;
  readonly nan: number;
  readonly inf: number;
  /** Share of elements with |x| > M · mean|x| for M = 3, 5, 7, 10 (OwLore, arXiv:2405.18380, eq. 3). */
  readonly layerOutlierDistribution: [number, number, number, number];
}

/** The longer rows behind the figures; drawn on demand. */
export interface TensorProfile {
  /** 256 equal bins over [min, max]; the last bin is closed. */
  readonly histogram: Float64Array<ArrayBuffer>;
  /** Per row (output channel) and per column (input channel) of the matrix view. */
  readonly rowAbsMax: Float32Array<ArrayBuffer>;
  readonly rowKurtosis: Float32Array<ArrayBuffer>;
  readonly columnAbsMax: Float32Array<ArrayBuffer>;
  readonly columnKurtosis: Float32Array<ArrayBuffer>;
}
