// A decoder forward pass in plain float64 loops: the definition, to check the graphs against.

/** A decoder of the Llama family in numbers and switches. */
export interface DecoderShape {
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headWidth: number;
  readonly normEpsilon: number;
  /** Radians per position, one per pair. */
  readonly frequencies: Float64Array;
  /** Elements i and i + d/2 of a head rotate together, or 2i and 2i + 1. */
  readonly rotation: 'halves' | 'pairs';
  readonly headNorms: boolean;
  readonly attentionBias: boolean;
}

export type Weights = (layer: number | null, name: string) => Float32Array;

/** @returns logits [tokens, vocabulary] of one sequence */
export function naiveLogits(shape: DecoderShape, weights: Weights, ids: readonly number[]): Float64Array[] {
  const embed = weights(null, 'embed');
  const { width, heads, keyValueHeads, headWidth } = shape;
  const hidden = ids.map((id) => Float64Array.from(embed.subarray(id * width, (id + 1) * width)));
  for (let layer = 0; layer < shape.layers; layer++) {
    const of = (name: string): Float32Array => weights(layer, name);
    const bias = (name: string): Float32Array | null => (shape.attentionBias ? of(`${name}.bias`) : null);
    const project = (
      x: Float64Array<ArrayBuffer>,
      name: string,
      n: number,
      norm: string | null,
      position: number | null,
    ) => {
      const all = linear(x, of(name), bias(name));
      return Array.from({ length: n }, (_, head) => {
        let part = all.slice(head * headWidth, (head + 1) * headWidth);
        if (norm !== null && shape.headNorms) part = normalize(part, of(norm), shape.normEpsilon);
        return position === null ? part : rotate(part, shape, position);
      });
    };
    const keys: Float64Array[][] = [];
    const values: Float64Array[][] = [];
    hidden.forEach((x, position) => {
      const inner = normalize(x, of('attn_norm'), shape.normEpsilon);
      keys.push(project(inner, 'k', keyValueHeads, 'k_norm', position));
      values.push(project(inner, 'v', keyValueHeads, null, null));
      const queries = project(inner, 'q', heads, 'q_norm', position);
      const joined = new Float64Array(heads * headWidth);
      queries.forEach((query, head) => {
        const group = Math.floor((head * keyValueHeads) / heads);
        const scores = keys.map((key) => dot(query, key[group] as Float64Array) / Math.sqrt(headWidth));
        const largest = Math.max(...scores);
        const raised = scores.map((score) => Math.exp(score - largest));
        const total = raised.reduce((a, b) => a + b, 0);
        raised.forEach((share, at) => {
          const value = values[at]?.[group] as Float64Array;
          for (let i = 0; i < headWidth; i++)
            joined[head * headWidth + i] = (joined[head * headWidth + i] ?? 0) + (share / total) * (value[i] ?? 0);
        });
      });
      const attended = add(x, linear(joined, of('o'), null));
      const second = normalize(attended, of('ffn_norm'), shape.normEpsilon);
      const gate = linear(second, of('gate'), null);
      const up = linear(second, of('up'), null);
      const gated = gate.map((g, i) => (g / (1 + Math.exp(-g))) * (up[i] ?? 0));
      hidden[position] = add(attended, linear(gated, of('down'), null));
    });
  }
  return hidden.map((x) =>
    linear(normalize(x, weights(null, 'norm'), shape.normEpsilon), weights(null, 'output'), null),
  );
}

function linear(x: Float64Array, weight: Float32Array, bias: Float32Array | null): Float64Array<ArrayBuffer> {
  const rows = weight.length / x.length;
  return Float64Array.from({ length: rows }, (_, row) => {
    let sum = bias?.[row] ?? 0;
    for (let i = 0; i < x.length; i++) sum += (x[i] ?? 0) * (weight[row * x.length + i] ?? 0);
    return sum;
  });
}

function normalize(x: Float64Array<ArrayBuffer>, weight: Float32Array, epsilon: number): Float64Array<ArrayBuffer> {
  const root = Math.sqrt(dot(x, x) / x.length + epsilon);
  return x.map((value, i) => (value / root) * (weight[i] ?? 0));
}

function rotate(
  x: Float64Array<ArrayBuffer>,
  { frequencies, rotation }: DecoderShape,
  position: number,
): Float64Array<ArrayBuffer> {
  const out = Float64Array.from(x);
  frequencies.forEach((frequency, pair) => {
    const [a, b] = rotation === 'halves' ? [pair, pair + frequencies.length] : [2 * pair, 2 * pair + 1];
    const [c, s] = [Math.cos(position * frequency), Math.sin(position * frequency)];
    out[a] = (x[a] ?? 0) * c - (x[b] ?? 0) * s;
    out[b] = (x[b] ?? 0) * c + (x[a] ?? 0) * s;
  });
  return out;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}

function add(a: Float64Array<ArrayBuffer>, b: Float64Array): Float64Array<ArrayBuffer> {
  return a.map((value, i) => value + (b[i] ?? 0));
}
