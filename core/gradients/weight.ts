// A weight the loss is differentiated with respect to, and what takes its gradients in.

import type { WeightPlace } from '../forward/weights.ts';

export interface Weight {
  /** null outside the layers. */
  readonly layer: number | null;
  /** Grid column; an expert's has its number behind it. */
  readonly module: string;
  readonly dimensions: readonly number[];
  /** Where its values lie: several experts may share a tensor. */
  readonly place: WeightPlace;
}

/** Accumulates what the sequences give for one weight. */
export interface GradientSink {
  /**
   * @param gradient of the sequence's part of the mean loss, shaped like the weight; reused after the call
   * @param sequence its number, or that of the first of several that ran together
   */
  add(gradient: Float32Array, sequence: number): void;
}

/** Σ g over sequences: the gradient of the mean loss. */
export class GradientSum implements GradientSink {
  readonly values: Float32Array;

  constructor(elements: number) {
    this.values = new Float32Array(elements);
  }

  add(gradient: Float32Array): void {
    addTo(this.values, gradient);
  }
}

/** Σ g² over sequences. */
export class SquareSum implements GradientSink {
  readonly values: Float32Array;

  constructor(elements: number) {
    this.values = new Float32Array(elements);
  }

  add(gradient: Float32Array): void {
    const { values } = this;
    for (let i = 0; i < values.length; i++) {
      const g = gradient[i] ?? 0;
      values[i] = (values[i] ?? 0) + g * g;
    }
  }
}

export function addTo(sum: Float32Array, values: Float32Array): void {
  for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] ?? 0) + (values[i] ?? 0);
}
