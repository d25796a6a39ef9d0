// Predictions corrected by what whole plans measured: one factor per group of tensors.

/** A plan that was measured: what each group was predicted to add, and what all of it really did. */
export interface PlanObservation {
  readonly contributions: ReadonlyMap<string, number>;
  readonly measured: number;
  /** Standard error of `measured`. */
  readonly error: number;
}

/** No sum of single damages is nearer to the truth than this, however long the text. */
const MODEL_ERROR = 0.05;
/** How far a group's factor is expected to lie from the common one, as a share of it. */
const PRIOR_SPREAD = 0.3;
/** A factor is never below this share of the common one: no group is free. */
const LEAST_SHARE = 0.1;

/**
 * Factors s_g that make  Σ_g s_g · contribution_g  of each plan come to what it measured: ridge regression toward the one
 * factor r that fits all groups best,
 *
 *   minimize  Σ_p ((Σ_g s_g·c_pg − m_p) / σ_p)² + Σ_g ((s_g − r) / (0.3 r))²,   σ_p² = error_p² + (0.05 m_p)²
 *
 * A handful of plans cannot tell many groups apart; what they cannot tell stays at r.
 */
export function groupScales(observations: readonly PlanObservation[]): Map<string, number> {
  const usable = observations.filter(({ measured, error }) => measured > 0 && Number.isFinite(measured + error));
  const groups = [...new Set(usable.flatMap(({ contributions }) => [...contributions.keys()]))];
  let [products, squares] = [0, 0];
  const rows = usable.map(({ contributions, measured, error }) => {
    const sigma = Math.hypot(error, MODEL_ERROR * measured);
    const values = groups.map((group) => (contributions.get(group) ?? 0) / sigma);
    const total = values.reduce((sum, value) => sum + value, 0);
    products += (total * measured) / sigma;
    squares += total ** 2;
    return { values, target: measured / sigma };
  });
  const common = squares > 0 ? products / squares : 1;
  if (!(common > 0)) return new Map(groups.map((group) => [group, 1]));
  const ridge = 1 / (PRIOR_SPREAD * common) ** 2;
  const matrix = groups.map((_, g) =>
    groups.map((_group, h) =>
      rows.reduce((sum, { values }) => sum + (values[g] ?? 0) * (values[h] ?? 0), g === h ? ridge : 0),
    ),
  );
  const right = groups.map((_, g) =>
    rows.reduce((sum, { values, target }) => sum + (values[g] ?? 0) * target, ridge * common),
  );
  const scales = solveLinear(matrix, right);
  return new Map(groups.map((group, g) => [group, Math.max(LEAST_SHARE * common, scales[g] ?? common)]));
}

/** Cholesky's elimination without its roots: the matrix is symmetric and, by the ridge, positive definite. */
function solveLinear(matrix: number[][], right: number[]): number[] {
  const n = right.length;
  const at = (r: number, c: number): number => matrix[r]?.[c] ?? 0;
  for (let pivot = 0; pivot < n; pivot++) {
    for (let r = pivot + 1; r < n; r++) {
      const factor = at(r, pivot) / at(pivot, pivot);
      const row = matrix[r] ?? [];
      for (let c = pivot; c < n; c++) row[c] = at(r, c) - factor * at(pivot, c);
      right[r] = (right[r] ?? 0) - factor * (right[pivot] ?? 0);
    }
  }
  const solution = new Array<number>(n).fill(0);
  for (let r = n - 1; r >= 0; r--) {
    let rest = right[r] ?? 0;
    for (let c = r + 1; c < n; c++) rest -= at(r, c) * (solution[c] ?? 0);
    solution[r] = rest / at(r, r);
  }
  return solution;
}
