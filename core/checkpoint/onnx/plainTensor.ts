// A tensor of the graph that no scale belongs to, as the product lists it.

import { dtypeInfo } from '../../tensor/dtype.ts';
import type { TensorStorage } from '../../tensor/storage.ts';
import type { StoredTensor } from '../format.ts';
import { flatCodes, type Locate, plainRows } from './parts.ts';
import type { TensorRecord } from './tensorProto.ts';

/** Everything but the names, which depend on where the tensor stands in the graph. */
export function plainTensor(
  tensor: TensorRecord,
  locate: Locate,
): Pick<StoredTensor, 'dtype' | 'file' | 'offset' | 'bytes' | 'storage'> {
  const { data, type, elements } = tensor;
  if (data.kind === 'numbers') {
    const { offset, bytes, values } = data;
    const storage = { kind: 'inline', rows: 1, columns: elements, values } as const;
    return { dtype: type.dtype, file: 0, offset, bytes, storage };
  }
  const { file, offset, bytes } = locate(tensor);
  const storage = codesAlone(tensor, locate);
  return { dtype: type.dtype, file, offset, bytes, ...(storage === null ? {} : { storage }) };
}

/** Codes without scales, and small floats that leave a byte half empty at the end. */
function codesAlone(tensor: TensorRecord, locate: Locate): TensorStorage | null {
  const { type, elements } = tensor;
  const { kind, blockElements } = dtypeInfo(type.dtype);
  const plain = kind !== 'packed' && elements % blockElements === 0;
  if (plain || type.values === undefined || elements === 0) return null;
  const { rows, columns } = plainRows(tensor);
  const codes = flatCodes(locate(tensor), rows, columns, type.bits);
  if (codes === null) return null;
  return { kind: 'packed', scheme: `${type.name}, no scales`, rows, columns, codes, values: type.values, factors: [] };
}
