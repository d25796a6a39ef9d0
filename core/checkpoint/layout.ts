// Tensors must tile the data section: no overlap, no gap beyond padding, nothing past the end of the file.

import { QuantscopeError } from '../base/errors.ts';
import type { StoredTensor } from './format.ts';
import { quoteName } from './tensorName.ts';

export interface DataSection {
  /** Base name of the file. */
  readonly file: string;
  /** First byte of the data section. */
  readonly begin: number;
  /** Size of the file. */
  readonly end: number;
  /** Every tensor is followed by padding to this many bytes, counted from `begin`; 1 for none. */
  readonly alignment: number;
}

/**
 * @returns the byte after the last tensor, without its padding
 * @throws TENSOR_OVERRUN, TENSOR_OVERLAP, TENSOR_GAP naming the tensor and both positions
 */
export function checkLayout(tensors: readonly StoredTensor[], section: DataSection): number {
  const tiled = endAsListed(tensors, section);
  if (tiled !== null) return tiled;
  let previous: StoredTensor | undefined;
  let end = section.begin;
  for (const tensor of inFileOrder(tensors)) {
    const expected = padded(end, section);
    const tensorEnd = tensor.offset + tensor.bytes;
    if (tensorEnd > section.end) {
      const fact = `ends at byte ${tensorEnd}, the file at ${section.end}`;
      throw new QuantscopeError('TENSOR_OVERRUN', `${describe(section, tensor)} ${fact}`);
    }
    if (tensor.offset < expected && (tensor.bytes > 0 || tensor.offset < end)) {
      const before = previous === undefined ? 'the header' : quote(previous);
      const fact = `begins at byte ${tensor.offset}, ${before} ends at ${expected}`;
      throw new QuantscopeError('TENSOR_OVERLAP', `${describe(section, tensor)} ${fact}`);
    }
    if (tensor.offset > expected) {
      const fact = `begins at byte ${tensor.offset}, ${tensor.offset - expected} bytes before it belong to no tensor`;
      throw new QuantscopeError('TENSOR_GAP', `${describe(section, tensor)} ${fact}`);
    }
    previous = tensor;
    end = tensorEnd;
  }
  return end;
}

/** Nearly every file lists its tensors as they lie, one after the other: one look at each. Null when this one does not. */
function endAsListed(tensors: readonly StoredTensor[], section: DataSection): number | null {
  const packed = section.alignment === 1;
  let end = section.begin;
  for (const { offset, bytes } of tensors) {
    if (offset !== (packed ? end : padded(end, section))) return null;
    end = offset + bytes;
  }
  return end <= section.end ? end : null;
}

/** Empty tensors share their offset with the one that follows, so they come first. */
function inFileOrder(tensors: readonly StoredTensor[]): readonly StoredTensor[] {
  return tensors.toSorted((a, b) => a.offset - b.offset || a.bytes - b.bytes);
}

function padded(end: number, { begin, alignment }: DataSection): number {
  return begin + Math.ceil((end - begin) / alignment) * alignment;
}

function describe(section: DataSection, tensor: StoredTensor): string {
  return `${section.file}: tensor ${quote(tensor)}`;
}

function quote(tensor: StoredTensor): string {
  return quoteName(tensor.name);
}
