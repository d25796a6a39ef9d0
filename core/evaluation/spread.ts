// Mean, standard error and quantiles of measured values.

export class Spread {
  readonly #values: number[] = [];
  #sum = 0;
  #squares = 0;

  add(value: number): void {
    this.#values.push(value);
    this.#sum += value;
    this.#squares += value * value;
  }

  get count(): number {
    return this.#values.length;
  }

  get mean(): number {
    return this.#sum / this.count;
  }

  /** Of the mean, values taken as independent. */
  get standardError(): number {
    const variance = Math.max(0, this.#squares / this.count - this.mean ** 2);
    return Math.sqrt(variance / Math.max(1, this.count - 1));
  }

  /** The smallest value that `share` of all are not above. */
  quantile(share: number): number {
    const sorted = this.#values.toSorted((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? Number.NaN;
  }
}
