// Log probabilities of one row of logits, in float64.

/** log Σ exp(logits); NaN when a logit is. */
export function logSumExp(logits: Float32Array): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (const logit of logits) if (!(logit <= largest)) largest = logit;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - largest);
  return largest + Math.log(sum);
}

/** Σ p (log p − log q), p and q the softmax of the logits, nats; never below 0. */
export function divergence(p: Float32Array, q: Float32Array): number {
  const [normP, normQ] = [logSumExp(p), logSumExp(q)];
  let sum = 0;
  for (let i = 0; i < p.length; i++) {
    const logP = (p[i] ?? 0) - normP;
    sum += Math.exp(logP) * (logP - ((q[i] ?? 0) - normQ));
  }
  return Number.isNaN(sum) ? sum : Math.max(0, sum);
}

/** Index of the largest logit, the first among equals. */
export function topToken(logits: Float32Array): number {
  let best = 0;
  for (let i = 1; i < logits.length; i++) if ((logits[i] ?? 0) > (logits[best] ?? 0)) best = i;
  return best;
}
