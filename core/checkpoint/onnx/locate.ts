// Where every tensor's bytes lie: in the model file, or in files beside it that are looked up first.

import { QuantscopeError } from '../../base/errors.ts';
import type { Extent } from '../../tensor/storage.ts';
import { quoteName } from '../tensorName.ts';
import { type ExternalFile, openExternalFiles } from './externalData.ts';
import type { Locate } from './parts.ts';
import type { TensorRecord } from './tensorProto.ts';

/**
 * @param tensors all that will be asked for
 * @returns the files beside the model, numbered from 1 on, and the function that finds a tensor's bytes
 * @throws TENSOR_OVERRUN, SHAPE_INVALID when a length does not fit the shape, and what externalData.ts throws
 */
export async function locateTensors(
  model: { readonly path: string; readonly name: string },
  tensors: Iterable<TensorRecord>,
  signal: AbortSignal | undefined,
): Promise<{ files: ExternalFile[]; locate: Locate }> {
  const locations = new Map<string, number>();
  for (const { data } of tensors) {
    if (data.kind === 'outside' && !locations.has(data.location)) locations.set(data.location, locations.size + 1);
  }
  const files = await openExternalFiles(model.path, [...locations.keys()], signal);
  const locate = (tensor: TensorRecord): Extent => {
    const { data } = tensor;
    if (data.kind !== 'outside') return { file: 0, offset: data.offset, bytes: data.bytes };
    const file = locations.get(data.location) ?? 0;
    const size = files[file - 1]?.sizeBytes ?? 0;
    const bytes = Math.ceil((tensor.elements * tensor.type.bits) / 8);
    const fail = (code: 'SHAPE_INVALID' | 'TENSOR_OVERRUN', fact: string): never => {
      throw new QuantscopeError(code, `${model.name}: tensor ${quoteName(tensor.name)} ${fact}`);
    };
    if (data.bytes !== null && data.bytes !== bytes) {
      fail('SHAPE_INVALID', `takes ${bytes} bytes by its shape, its external data says ${data.bytes}`);
    }
    if (data.offset + bytes > size) {
      const end = `ends at byte ${data.offset + bytes} of ${quoteName(data.location)}`;
      fail('TENSOR_OVERRUN', `${end}, which has ${size}`);
    }
    return { file, offset: data.offset, bytes };
  };
  for (const tensor of tensors) if (tensor.data.kind === 'outside') locate(tensor);
  return { files, locate };
}
