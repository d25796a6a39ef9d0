// GGUF tensor infos: name, dimensions (contiguous one first), type id, offset into the data section.

import { type ErrorCode, QuantscopeError } from '../../base/errors.ts';
import { GGML_MAX_DIMENSIONS, MAX_NAME_BYTES, MAX_TENSORS } from '../../base/limits.ts';
import { type DType, dtypeInfo, dtypeOfGgml } from '../../tensor/dtype.ts';
import type { TensorStorage } from '../../tensor/storage.ts';
import type { StoredTensor } from '../format.ts';
import { quoteName } from '../tensorName.ts';
import { countBytes, countElements } from '../tensorSize.ts';
import { readName } from './keyValues.ts';
import type { PagedHeader } from './pagedHeader.ts';

/** Name length, an empty name, n_dims = 0, type, offset. */
const MIN_TENSOR_INFO_BYTES = 24;

/** Offsets are relative to the data section, whose begin is known only after the last info; the caller completes them. */
export type TensorInfoRecord = Omit<StoredTensor, 'offset' | 'storage'> & { offset: number; storage?: TensorStorage };

/** @param file index of the file in the checkpoint. @throws COUNT_LIMIT, DUPLICATE_NAME, NAME_INVALID, SHAPE_INVALID, DTYPE_UNKNOWN, TENSOR_OVERRUN, HEADER_TRUNCATED */
export async function readTensorInfos(header: PagedHeader, count: number, file: number): Promise<TensorInfoRecord[]> {
  if (count > MAX_TENSORS || count * MIN_TENSOR_INFO_BYTES > header.left) {
    const fact = `${count} tensors claimed, limit ${MAX_TENSORS} and what ${header.left} bytes can hold`;
    fail(header, fact, 'COUNT_LIMIT');
  }
  const tensors: TensorInfoRecord[] = [];
  const names = new Set<string>();
  for (let index = 0; index < count; index++) {
    const name = await readName(header, MAX_NAME_BYTES, `the name of tensor ${index}`);
    const where = (): string => `${header.source.name}: tensor ${quoteName(name)}`;
    names.add(name);
    if (names.size === index) fail(header, `tensor ${quoteName(name)} appears twice`, 'DUPLICATE_NAME');
    const shape = await readShape(header, where);
    const dtype = await readDType(header, where);
    const offset = await header.u64();
    const elements = countElements(shape, where);
    const columns = shape.at(-1) ?? 1;
    const { blockElements } = dtypeInfo(dtype);
    if (columns % blockElements !== 0) {
      const fact = `has rows of ${columns} elements, ${dtype} needs a multiple of ${blockElements}`;
      throw new QuantscopeError('SHAPE_INVALID', `${where()} ${fact}`);
    }
    if (offset > Number.MAX_SAFE_INTEGER) {
      throw new QuantscopeError(
        'TENSOR_OVERRUN',
        `${where()} begins beyond 2^53, the file ends at ${header.source.sizeBytes}`,
      );
    }
    tensors.push({ name, dtype, shape, elements, bytes: countBytes(dtype, elements, where), file, offset });
  }
  return tensors;
}

async function readShape(header: PagedHeader, where: () => string): Promise<number[]> {
  const rank = await header.u32();
  if (rank > GGML_MAX_DIMENSIONS) {
    throw new QuantscopeError('SHAPE_INVALID', `${where()} has ${rank} dimensions, limit ${GGML_MAX_DIMENSIONS}`);
  }
  const shape: number[] = [];
  for (let dimension = 0; dimension < rank; dimension++) shape.unshift(await header.u64());
  return shape;
}

async function readDType(header: PagedHeader, where: () => string): Promise<DType> {
  const id = await header.u32();
  const dtype = dtypeOfGgml(id);
  if (dtype === undefined) throw new QuantscopeError('DTYPE_UNKNOWN', `${where()} has the unknown GGUF type ${id}`);
  return dtype;
}

function fail(header: PagedHeader, fact: string, code: ErrorCode): never {
  throw new QuantscopeError(code, `${header.source.name}: ${fact}`);
}
