// Which scale belongs to which element: one for all, one per index of an axis, or one per block along an axis.

import type { TensorRecord } from './tensorProto.ts';

/** A tensor seen as rows × columns such that scales lie on a grid of groups. */
export interface Granularity {
  readonly rows: number;
  readonly columns: number;
  readonly rowGroup: number;
  readonly columnGroup: number;
  /** Rows and columns of the grid, which is how the scales are stored. */
  readonly scaleRows: number;
  readonly scaleColumns: number;
  /** For people: "per tensor", "per channel", "blocks of 32". */
  readonly text: string;
}

/**
 * https://onnx.ai/onnx/operators/onnx__DequantizeLinear.html: a scalar, a vector along `axis`, or as many dimensions as
 * the tensor has with ⌈dimension / block⌉ along `axis`. Scales with one dimension that is not 1 count as a vector too.
 *
 * @param axis counted from the end when negative
 * @param block 0 when there are no blocks
 * @returns null when the shapes do not fit; 'unaligned' when codes of less than a byte leave rows inside bytes
 */
export function granularityOf(
  { shape, elements, type }: Pick<TensorRecord, 'shape' | 'elements' | 'type'>,
  scale: readonly number[],
  axis: number,
  block: number,
): Granularity | 'unaligned' | null {
  const aligned = (columns: number): boolean => (columns * type.bits) % 8 === 0;
  if (scale.every((dimension) => dimension === 1)) {
    const last = shape.at(-1) ?? 1;
    const [rows, columns] = last > 0 && aligned(last) ? [elements / last, last] : [1, elements];
    return {
      rows,
      columns,
      rowGroup: Infinity,
      columnGroup: Infinity,
      scaleRows: 1,
      scaleColumns: 1,
      text: 'per tensor',
    };
  }
  const at = block > 0 || scale.length === 1 ? axis + (axis < 0 ? shape.length : 0) : onlyAxis(scale);
  const size = shape[at];
  if (size === undefined || (scale.length > 1 && scale.length !== shape.length)) return null;
  const outer = product(shape.slice(0, at));
  const inner = product(shape.slice(at + 1));
  if (block > 0) {
    const blocks = Math.ceil(size / block);
    if (scale.length !== shape.length || !scale.every((one, i) => one === (i === at ? blocks : shape[i]))) return null;
    const text = blocks === 1 ? 'per channel' : `blocks of ${block}`;
    if (inner === 1) {
      // Blocks that tile rows follow each other through the whole tensor, wherever bytes begin.
      if (size % block === 0 && !(aligned(size) && aligned(blocks))) {
        const grid = { rowGroup: Infinity, columnGroup: block, scaleRows: 1, scaleColumns: outer * blocks, text };
        return { rows: 1, columns: outer * size, ...grid };
      }
      const grid = { rowGroup: 1, columnGroup: block, scaleRows: outer, scaleColumns: blocks, text };
      return aligned(size) || outer === 1 ? { rows: outer, columns: size, ...grid } : 'unaligned';
    }
    // A last block that is cut short would shift the blocks of the next matrix.
    if (!aligned(inner) || (outer > 1 && size % block !== 0)) return 'unaligned';
    const grid = { rowGroup: block, columnGroup: 1, scaleRows: outer * blocks, scaleColumns: inner, text };
    return { rows: outer * size, columns: inner, ...grid };
  }
  if (scale[scale.length === 1 ? 0 : at] !== size) return null;
  const text = 'per channel';
  if (outer === 1 && aligned(inner)) {
    return { rows: size, columns: inner, rowGroup: 1, columnGroup: Infinity, scaleRows: size, scaleColumns: 1, text };
  }
  const grid = { rowGroup: Infinity, columnGroup: inner, scaleRows: 1, scaleColumns: size, text };
  return outer === 1 || aligned(size * inner) ? { rows: outer, columns: size * inner, ...grid } : 'unaligned';
}

/** The position of the one dimension that is not 1; −1 when there are several. */
function onlyAxis(scale: readonly number[]): number {
  const at = scale.findIndex((dimension) => dimension !== 1);
  return scale.findLastIndex((dimension) => dimension !== 1) === at ? at : -1;
}

function product(dimensions: readonly number[]): number {
  return dimensions.reduce((total, dimension) => total * dimension, 1);
}
