// One array per shape: a million tensors have a few dozen different ones.

/** Shapes kept; hostile headers with more only lose the sharing. */
const MAX_SHAPES = 4096;

export class SharedShapes {
  /** By a hash; of shapes with the same one, the first is kept. */
  readonly #shapes = new Map<number, readonly number[]>();

  /** @returns an equal shape met before, or this one; not to be changed afterwards */
  of(shape: readonly number[]): readonly number[] {
    let hash = shape.length;
    for (const dimension of shape) hash = (Math.imul(hash, 31) + dimension) | 0;
    const known = this.#shapes.get(hash);
    if (known !== undefined) return sameShape(known, shape) ? known : shape;
    if (this.#shapes.size < MAX_SHAPES) this.#shapes.set(hash, shape);
    return shape;
  }
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}
