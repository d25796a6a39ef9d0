// What a quantizer's recognizer must provide. A new one is one file and one line in registry.ts.

import { QuantscopeError } from '../../base/errors.ts';
import type { DType } from '../../tensor/dtype.ts';
import type { CodeMatrix, Extent, PackedMatrix } from '../../tensor/storage.ts';
import type { StoredTensor } from '../format.ts';
import { quoteName } from '../tensorName.ts';
import { countElements } from '../tensorSize.ts';
import type { QuantizationConfig } from './quantizationConfig.ts';

/** A stored tensor that may be the codes of a packed one. */
export interface Candidate {
  readonly codes: StoredTensor;
  /** "model.layers.0.mlp.up_proj"; empty for a name without a dot. */
  readonly module: string;
  /** What follows the last dot: "qweight". */
  readonly attribute: string;
}

export interface PackingContext {
  readonly config: QuantizationConfig;
  /** A tensor by its whole name. */
  find(name: string): StoredTensor | undefined;
  /** A module's tensor by the last part of its name. */
  part(module: string, attribute: string): StoredTensor | undefined;
  /** Contents of what `smallParts` asked for; undefined when it was too long or lies in an uncommon way. */
  contents(tensor: StoredTensor): Uint8Array | undefined;
  /** Base name of the file that holds a tensor, for messages. */
  fileOf(tensor: StoredTensor): string;
}

/** The logical tensor and the stored ones that make it, codes included. */
export interface PackedGroup {
  readonly tensor: StoredTensor;
  readonly parts: readonly StoredTensor[];
}

/** Thrown when a group is recognised but stays listed as it is stored; its message is the reason, without names. */
export class LeftAsStored extends Error {}

export interface Packing {
  /** Whether a tensor of this name and dtype may be codes; runs for every tensor that is not plain floats. */
  claims(attribute: string, dtype: DType): boolean;
  /** Small tensors whose contents `read` needs. */
  smallParts?(candidate: Candidate, context: Omit<PackingContext, 'contents'>): readonly StoredTensor[];
  /**
   * @returns null when the tensors around the codes are not this packing's
   * @throws PACKING_INVALID when they are, and do not fit each other; LeftAsStored
   */
  read(candidate: Candidate, context: PackingContext): PackedGroup | null;
}

/** `module`.`attribute`, or just the attribute of a tensor at the top. */
export function partName(module: string, attribute: string): string {
  return module === '' ? attribute : `${module}.${attribute}`;
}

/** Those of a module's attributes that are stored. */
export function presentParts(
  module: string,
  attributes: readonly string[],
  { part }: Pick<PackingContext, 'part'>,
): readonly StoredTensor[] {
  return attributes.map((attribute) => part(module, attribute)).filter((found) => found !== undefined);
}

/** A tensor's bytes as one row-major little-endian range. @throws LeftAsStored when it is stored otherwise */
export function extentOf(tensor: StoredTensor): Extent {
  const extent = rowMajorExtent(tensor);
  if (extent === null) throw new LeftAsStored('their parts are not stored row by row');
  return extent;
}

/** Null when the tensor is a view, big-endian or the like. */
export function rowMajorExtent({ file, offset, bytes, dtype, storage }: StoredTensor): Extent | null {
  if (storage === undefined) return { file, offset, bytes };
  if (storage.kind !== 'strided' || storage.bigEndian === true || storage.dtype !== dtype) return null;
  let stride = 1;
  for (let axis = storage.shape.length - 1; axis >= 0; axis--) {
    if (storage.shape[axis] !== 1 && storage.strides[axis] !== stride) return null;
    stride *= storage.shape[axis] ?? 1;
  }
  if (storage.start === 0) return storage.extent;
  if (storage.extent.deflated !== undefined || stride === 0) return null;
  return { file: storage.extent.file, offset: storage.extent.offset + (bytes / stride) * storage.start, bytes };
}

/** @throws PACKING_INVALID "model.safetensors: "x.qweight": [16, 8] codes, but …" */
export function invalid(context: Pick<PackingContext, 'fileOf'>, tensor: StoredTensor, fact: string): never {
  throw new QuantscopeError('PACKING_INVALID', `${context.fileOf(tensor)}: ${quoteName(tensor.name)} ${fact}`);
}

/** @throws LeftAsStored */
export function leaveAsStored(reason: string): never {
  throw new LeftAsStored(reason);
}

/** @throws PACKING_INVALID unless the dtype is one of these */
export function requireDtype(
  context: Pick<PackingContext, 'fileOf'>,
  tensor: StoredTensor,
  dtypes: readonly DType[],
): void {
  if (!dtypes.includes(tensor.dtype)) invalid(context, tensor, `is ${tensor.dtype}, ${dtypes.join(' or ')} expected`);
}

/** What scales are written in. */
export const FLOATS: readonly DType[] = ['F16', 'BF16', 'F32'];

/** "[4096, 512]" */
export function shapeText({ shape }: Pick<StoredTensor, 'shape'>): string {
  return `[${shape.slice(0, 8).join(', ')}${shape.length > 8 ? ', …' : ''}]`;
}

/** Every dimension of `tensor` as `shape` says. @throws PACKING_INVALID */
export function requireShape(
  context: Pick<PackingContext, 'fileOf'>,
  tensor: StoredTensor,
  shape: readonly number[],
  because: string,
): void {
  if (tensor.shape.length === shape.length && shape.every((size, axis) => tensor.shape[axis] === size)) return;
  invalid(context, tensor, `has the shape ${shapeText(tensor)}, [${shape.join(', ')}] expected ${because}`);
}

/** The logical tensor of a group: bytes of all parts, place of the codes. @throws SHAPE_INVALID */
export function packedGroup(
  context: Pick<PackingContext, 'fileOf'>,
  parts: readonly [codes: StoredTensor, ...StoredTensor[]],
  described: {
    name: string;
    dtype: DType;
    shape: readonly number[];
    scheme: string;
    codes: CodeMatrix;
  } & Omit<PackedMatrix, 'kind' | 'rows' | 'columns'>,
): PackedGroup {
  const [stored] = parts;
  const { name, dtype, shape, scheme, ...packed } = described;
  const { rows, columns } = packed.codes;
  const elements = countElements(shape, () => `${context.fileOf(stored)}: ${quoteName(name)}`);
  const bytes = parts.reduce((total, part) => total + part.bytes, 0);
  const { file, offset, placeName } = stored;
  const storage = { kind: 'packed', scheme, rows, columns, ...packed } as const;
  const tensor = { name, dtype, shape, elements, bytes, file, offset, storage };
  return { tensor: placeName === undefined ? tensor : { ...tensor, placeName }, parts };
}

/** Dtype of integer codes. */
export function integerDtype(bits: number): DType | null {
  return INTEGER_DTYPES[bits] ?? null;
}

const INTEGER_DTYPES: readonly (DType | null)[] = [
  null,
  'INT1',
  'INT2',
  'INT3',
  'INT4',
  'INT5',
  'INT6',
  'INT7',
  'INT8',
];
