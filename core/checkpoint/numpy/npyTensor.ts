// One NumPy array as a tensor: row-major and little-endian as it lies, everything else by strides.

import { QuantscopeError } from '../../base/errors.ts';
import { dtypeInfo } from '../../tensor/dtype.ts';
import type { Extent, StridedStorage } from '../../tensor/storage.ts';
import { type StoredTensor, storedTensor } from '../format.ts';
import { countBytes, countElements } from '../tensorSize.ts';
import { elementType } from './elementType.ts';
import type { NpyHeader } from './npyHeader.ts';
import { jaxPlaceName } from './placeName.ts';

/** Where an array lies, from its magic on. */
export interface NpyPlace {
  readonly name: string;
  /** Offset, bytes after inflation, and how many they are compressed, if they are. */
  readonly extent: Extent;
}

export type NpyTensor =
  | { readonly tensor: StoredTensor; readonly guess: string | undefined }
  /** Why the array is no tensor. */
  | { readonly unreadable: string };

/** @throws SHAPE_INVALID, TENSOR_OVERRUN when the array ends before its elements do */
export function npyTensor(header: NpyHeader, { name, extent }: NpyPlace, where: () => string): NpyTensor {
  const type = elementType(header.descr);
  if ('unreadable' in type) return type;
  const { shape, headerBytes } = header;
  const { dtype, bigEndian, guess } = type;
  const elements = countElements(shape, where);
  const bytes = countBytes(dtype, elements, where);
  const held = extent.bytes - headerBytes;
  if (bytes > held) {
    const fact = `${dtype} [${shape.join(', ')}] needs ${bytes} bytes after the header, there are ${held}`;
    throw new QuantscopeError('TENSOR_OVERRUN', `${where()}: ${fact}`);
  }
  const placeName = jaxPlaceName(name);
  const offset = extent.offset + headerBytes;
  const plain = storedTensor({ name, dtype, shape, elements, bytes, file: extent.file, offset });
  const tensor: StoredTensor = placeName === undefined ? plain : { ...plain, placeName };
  const { blockBytes } = dtypeInfo(dtype);
  const swapped = bigEndian && blockBytes > 1;
  const strides = header.fortranOrder ? columnMajor(shape) : rowMajor(shape);
  const ordered = !header.fortranOrder || shape.filter((dimension) => dimension !== 1).length < 2;
  if (elements === 0 || (ordered && !swapped && extent.deflated === undefined)) return { tensor, guess };

  const storage: StridedStorage = { kind: 'strided', extent, dtype, start: headerBytes / blockBytes, shape, strides };
  if (extent.deflated === undefined) {
    const data: Extent = { file: extent.file, offset: tensor.offset, bytes };
    return { tensor: { ...tensor, storage: { ...storage, extent: data, start: 0, bigEndian: swapped } }, guess };
  }
  // NumPy pads headers to 64 bytes, before 1.14 to 16, so that elements lie at multiples of their size.
  if (headerBytes % blockBytes !== 0) {
    return {
      unreadable: `compressed after a header of ${headerBytes} bytes, no multiple of the elements' ${blockBytes}`,
    };
  }
  return { tensor: { ...tensor, offset: extent.offset, storage: { ...storage, bigEndian: swapped } }, guess };
}

function rowMajor(shape: readonly number[]): number[] {
  return columnMajor(shape.toReversed()).reverse();
}

/** First index fastest: Fortran order. */
function columnMajor(shape: readonly number[]): number[] {
  let stride = 1;
  return shape.map((dimension) => {
    const own = stride;
    stride *= dimension;
    return own;
  });
}
