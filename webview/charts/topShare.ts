// How concentrated non-negative figures are: the share of their sum the largest of them hold.

/** @returns Σ of the largest `share` of `values` (at least one) / Σ of all; NaN where they sum to nothing */
export function topShare(values: Float32Array, share: number): number {
  const sorted = values.filter((value) => value > 0 && Number.isFinite(value)).sort();
  const count = Math.max(1, Math.ceil(values.length * share));
  let top = 0;
  let total = 0;
  sorted.forEach((value, at) => {
    total += value;
    if (at >= sorted.length - count) top += value;
  });
  return total === 0 ? Number.NaN : top / total;
}

/** How many of the largest values hold at least `part` of the sum; 0 where they sum to nothing. */
export function valuesHolding(values: Float32Array, part: number): number {
  const sorted = values.filter((value) => value > 0 && Number.isFinite(value)).sort();
  const total = sorted.reduce((sum, value) => sum + value, 0);
  let held = 0;
  let count = 0;
  while (count < sorted.length && held < part * total) held += sorted[sorted.length - ++count] ?? 0;
  return count;
}
