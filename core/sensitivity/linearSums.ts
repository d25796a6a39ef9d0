// Sums of errors at the output of linear layers, by weight and sequence.

import { ERROR_SUMS, type ErrorSum, outputOf } from './productErrors.ts';
import { type Estimate, ratioOf } from './ratio.ts';

type BySequence = Readonly<Record<ErrorSum, Float64Array>>;

export class LinearSums {
  readonly #sequences: number;
  readonly #tokens: number;
  readonly #modules = new Map<string, BySequence>();

  constructor(sequences: number, tokens: number) {
    this.#sequences = sequences;
    this.#tokens = tokens;
  }

  /**
   * @param found sums of rows, by output
   * @param first   the sequence of the first row
   * @param sequences of the batch; rows of experts, which not every token reaches, count for its first one
   */
  add(module: string, found: Readonly<Record<string, Float32Array>>, first: number, sequences: number): void {
    const sums = this.#modules.get(module) ?? this.#zeros();
    for (const name of ERROR_SUMS) {
      const rows = found[outputOf(name, module)];
      if (rows === undefined) return;
      const whole = rows.length === sequences * this.#tokens;
      for (const [row, value] of rows.entries()) {
        const sequence = whole ? first + Math.floor(row / this.#tokens) : first;
        sums[name][sequence] = (sums[name][sequence] ?? 0) + value;
      }
    }
    this.#modules.set(module, sums);
  }

  /** Errors of weights taken together, relative to what they give; null where none is in a product. */
  of(modules: readonly string[]): { full: Estimate; diagonal: Estimate } | null {
    const known = modules.flatMap((module) => this.#modules.get(module) ?? []);
    if (known.length === 0) return null;
    const total = (sum: ErrorSum): Float64Array =>
      known.reduce(
        (into, sums) => into.map((value, s) => value + (sums[sum][s] ?? 0)),
        new Float64Array(this.#sequences),
      );
    return {
      full: ratioOf(total('noise'), total('power')),
      diagonal: ratioOf(total('diagonalNoise'), total('diagonalPower')),
    };
  }

  #zeros(): BySequence {
    const zeros = (): Float64Array => new Float64Array(this.#sequences);
    return { noise: zeros(), power: zeros(), diagonalNoise: zeros(), diagonalPower: zeros() };
  }
}
