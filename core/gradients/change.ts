// What gradients say of a change of one weight: its first-order effect on the loss, and its damage under the Fisher.

import type { GradientSink } from './weight.ts';

/** Σ g · Δ: what the loss gains by the change to first order, nats per token. */
export function linearEffect(gradient: Float32Array, change: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < change.length; i++) sum += (gradient[i] ?? 0) * (change[i] ?? 0);
  return sum;
}

/** ½ Σ d · Δ²: nats per token, d being a diagonal of the Fisher information or of the Hessian. */
export function quadraticEffect(diagonal: Float32Array, change: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < change.length; i++) sum += (diagonal[i] ?? 0) * (change[i] ?? 0) ** 2;
  return sum / 2;
}

/** Both effects of one change, sequence by sequence: their spread tells how far the sums can be trusted. */
export class ChangeEffects implements GradientSink {
  /** Σ g · Δ of each sequence: they add up to the effect on the mean loss. */
  readonly linear: Float64Array;
  /** ½ Σ N g² · Δ² of each sequence: they add up to the effect under `fisherDiagonals`. */
  readonly quadratic: Float64Array;
  readonly #change: Float32Array;
  readonly #tokens: number;

  /** @param change Ŵ − W. @param tokens that count, in all sequences */
  constructor(change: Float32Array, sequences: number, tokens: number) {
    this.linear = new Float64Array(sequences);
    this.quadratic = new Float64Array(sequences);
    this.#change = change;
    this.#tokens = tokens;
  }

  add(gradient: Float32Array, sequence: number): void {
    const change = this.#change;
    let [linear, squares] = [0, 0];
    for (let i = 0; i < change.length; i++) {
      const effect = (gradient[i] ?? 0) * (change[i] ?? 0);
      linear += effect;
      squares += effect * effect;
    }
    this.linear[sequence] = (this.linear[sequence] ?? 0) + linear;
    this.quadratic[sequence] = (this.quadratic[sequence] ?? 0) + (this.#tokens * squares) / 2;
  }
}
