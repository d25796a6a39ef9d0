// Elements and bytes of a tensor from its shape, exact or refused.

import { QuantscopeError } from '../base/errors.ts';
import { type DType, dtypeInfo } from '../tensor/dtype.ts';

/**
 * Product of the dimensions; 1 for a scalar, 0 as soon as one dimension is 0.
 *
 * @param where file and tensor, for the message
 * @throws SHAPE_INVALID for negative, fractional or unsafe dimensions and for products beyond 2^53
 */
export function countElements(shape: readonly number[], where: () => string): number {
  let elements = 1;
  for (const dimension of shape) {
    if (!Number.isSafeInteger(dimension) || dimension < 0) {
      throw new QuantscopeError(
        'SHAPE_INVALID',
        `${where()} has the shape [${shape.map(shown).join(', ')}], limit 2^53 − 1`,
      );
    }
    elements *= dimension;
  }
  if (shape.includes(0)) return 0;
  // A float64 product beyond 2^53 stays beyond it: rounding is monotonic.
  if (elements > Number.MAX_SAFE_INTEGER) {
    const exact = shape.reduce((product, dimension) => product * BigInt(dimension), 1n);
    throw new QuantscopeError('SHAPE_INVALID', `${where()} has ${exact} elements, limit 2^53`);
  }
  return elements;
}

/** Stored bytes. @throws SHAPE_INVALID when elements do not fill whole blocks or bytes, or the size is beyond 2^53 */
export function countBytes(dtype: DType, elements: number, where: () => string): number {
  const { blockBytes, blockElements } = dtypeInfo(dtype);
  if (elements % blockElements !== 0) {
    const fact = `${elements} elements, not a multiple of ${blockElements} as ${dtype} needs`;
    throw new QuantscopeError('SHAPE_INVALID', `${where()} has ${fact}`);
  }
  const bytes = (elements / blockElements) * blockBytes;
  if (bytes > Number.MAX_SAFE_INTEGER) {
    const exact = BigInt(elements / blockElements) * BigInt(blockBytes);
    throw new QuantscopeError('SHAPE_INVALID', `${where()} needs ${exact} bytes, limit 2^53`);
  }
  return bytes;
}

function shown(dimension: number): string {
  if (Number.isSafeInteger(dimension) && dimension >= 0) return String(dimension);
  return dimension > 0 ? 'beyond 2^53' : 'negative or fractional';
}
