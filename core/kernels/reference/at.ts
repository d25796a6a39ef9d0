// Indexed reads of typed arrays that cannot silently yield undefined.

/** @throws RangeError beyond the end */
export function at(values: ArrayLike<number>, index: number): number {
  const value = values[index];
  if (value === undefined) throw new RangeError(`index ${index} of ${values.length}`);
  return value;
}
