// A tensor of the graph that no scale belongs to, as the product lists it.

import { dtypeInfo } from '../../tensor/dtype.ts';
import type { TensorStorage } from '../../tensor/storage.ts';
import type { StoredTensor } from '../format.ts';
import { flatCodes, type Locate, plainRows } from './parts.ts';
import type { TensorRecord } from './tensorProto.ts';

export function plainTensor(name: string, tensor: TensorRecord, locate: Locate): StoredTensor {
  const { data, type, shape, elements } = tensor;
  const { dtype } = type;
  if (data.kind === 'numbers') {
    const { offset, bytes, values } = data;
    const storage = { kind: 'inline', rows: 1, columns: elements, values } as const;
    return { name, dtype, shape, elements, bytes, file: 0, offset, storage };
  }
  const { file, offset, bytes } = locate(tensor);
  const stored = { name, dtype, shape, elements, bytes, file, offset };
  const storage = codesAlone(tensor, locate);
  return storage === null ? stored : { ...stored, storage };
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
