// Shapes of values as far as a graph's construction tells them (ONNX operators, opset 21).

import type { Attribute } from './graphBuilder.ts';

/** null where only the run tells: never a length of 1 that broadcasts, and two that meet in a broadcast are equal. */
export type Dimension = number | null;
export type Shape = readonly Dimension[];

export interface Operand {
  /** null where it is not known. */
  readonly shape: Shape | null;
  /** Values of a constant vector of integers. */
  readonly integers?: readonly number[];
}

type Attributes = Readonly<Record<string, Attribute>>;

/** @param shapes of all inputs. @returns one per output; null where it cannot be told */
type ShapeRule = (
  shapes: readonly Shape[],
  attributes: Attributes,
  operands: readonly Operand[],
) => readonly (Shape | null)[];

const same: ShapeRule = ([x = []]) => [x];
const broadcast: ShapeRule = (shapes) => [shapes.reduce(broadcastShapes, [])];
const reduce: ShapeRule = ([x = []], { keepdims }, [, axes]) => {
  const all = axes === undefined ? x.map((_, axis) => axis) : axes.integers;
  if (all === undefined) return [null];
  const reduced = new Set(all.map((axis) => positive(axis, x.length)));
  if (keepdims === 0) return [x.filter((_, axis) => !reduced.has(axis))];
  return [x.map((length, axis) => (reduced.has(axis) ? 1 : length))];
};

const SAME = ['Cast', 'Erf', 'Exp', 'Identity', 'LogSoftmax', 'Neg', 'Relu', 'ScatterElements', 'ScatterND', 'Sigmoid'];
const BROADCAST = ['Add', 'Div', 'Equal', 'Greater', 'Less', 'Mul', 'Pow', 'Sub', 'Where'];
const REDUCE = ['ReduceMean', 'ReduceSum', 'ReduceSumSquare'];
const ruled = (types: readonly string[], rule: ShapeRule) => Object.fromEntries(types.map((type) => [type, rule]));

const RULES: Readonly<Record<string, ShapeRule>> = {
  ...ruled([...SAME, 'Softmax', 'Sqrt', 'Tanh'], same),
  ...ruled(BROADCAST, broadcast),
  ...ruled(REDUCE, reduce),
  MatMul([a = [], b = []]) {
    if (a.length < 2 || b.length < 2) return [null];
    return [[...broadcastShapes(a.slice(0, -2), b.slice(0, -2)), a.at(-2) ?? null, b.at(-1) ?? null]];
  },
  Gemm: ([a = [], b = []], { transA, transB }) => [[a[transA === 1 ? 1 : 0] ?? null, b[transB === 1 ? 0 : 1] ?? null]],
  Reshape: ([x = []], _attributes, [, target]) => [
    target?.integers === undefined ? null : reshaped(x, target.integers),
  ],
  Transpose: ([x = []], { perm }) => [
    Array.isArray(perm) ? perm.map((axis: number) => x[axis] ?? null) : [...x].reverse(),
  ],
  Split([x = []], { axis }, [, sizes]) {
    return (sizes?.integers ?? []).map((size) => replaced(x, axis, size));
  },
  Concat(shapes, { axis }) {
    const [x = []] = shapes;
    const lengths = shapes.map((shape) => shape[positive(axis, x.length)] ?? null);
    const total = lengths.reduce<Dimension>(
      (sum, length) => (sum === null || length === null ? null : sum + length),
      0,
    );
    return [replaced(x, axis, total)];
  },
  Squeeze([x = []], _attributes, [, axes]) {
    if (axes?.integers === undefined) return [null];
    const gone = new Set(axes.integers.map((axis) => positive(axis, x.length)));
    return [x.filter((_, axis) => !gone.has(axis))];
  },
  Unsqueeze([x = []], _attributes, [, axes]) {
    if (axes?.integers === undefined) return [null];
    const rank = x.length + axes.integers.length;
    const added = new Set(axes.integers.map((axis) => positive(axis, rank)));
    const own = [...x];
    return [Array.from({ length: rank }, (_, axis) => (added.has(axis) ? 1 : (own.shift() ?? null)))];
  },
  Gather([data = [], indices = []], { axis }) {
    const at = positive(axis ?? 0, data.length);
    return [[...data.slice(0, at), ...indices, ...data.slice(at + 1)]];
  },
  Expand([x = []], _attributes, [, target]) {
    return [target?.integers === undefined ? null : broadcastShapes(x, target.integers)];
  },
  GatherElements: ([, indices = []]) => [indices],
  TopK([x = []], { axis }, [, k]) {
    const values = replaced(x, axis ?? -1, k?.integers?.[0] ?? null);
    return [values, values];
  },
  NonZero: ([x = []]) => [[x.length, null]],
};

/** @returns one shape per output, null where nothing is known */
export function outputShapes(
  type: string,
  operands: readonly Operand[],
  attributes: Attributes,
): readonly (Shape | null)[] | null {
  const shapes = operands.map(({ shape }) => shape);
  if (!shapes.every((shape) => shape !== null)) return null;
  return RULES[type]?.(shapes, attributes, operands) ?? null;
}

/** Numpy's rule: aligned at the last axis, lengths of 1 stretch. */
function broadcastShapes(a: Shape, b: Shape): Shape {
  const [long, short] = a.length >= b.length ? [a, b] : [b, a];
  const missing = long.length - short.length;
  return long.map((length, axis) => {
    const other = axis < missing ? 1 : (short[axis - missing] ?? null);
    if (length === 1) return other;
    return other === 1 ? length : (length ?? other);
  });
}

/** 0 keeps a length, −1 takes what is left. */
function reshaped(x: Shape, target: readonly number[]): Shape {
  const lengths = target.map((length, axis) => (length === 0 ? (x[axis] ?? null) : length === -1 ? 1 : length));
  const [all, known] = [product(x), product(lengths)];
  const rest = all === null || known === null ? null : all / known;
  return lengths.map((length, axis) => (target[axis] === -1 ? rest : length));
}

function product(shape: Shape): Dimension {
  return shape.reduce<Dimension>((a, b) => (a === null || b === null ? null : a * b), 1);
}

function replaced(x: Shape, axis: Attribute | undefined, length: Dimension): Shape {
  const at = positive(axis, x.length);
  return x.map((old, i) => (i === at ? length : old));
}

function positive(axis: Attribute | undefined, rank: number): number {
  const given = typeof axis === 'number' ? axis : 0;
  return given < 0 ? given + rank : given;
}
