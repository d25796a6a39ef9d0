// A small invented model with measured-looking damages, for tests of rules, reasons and documents.

import type { SizeModel } from '../../../core/allocation/problem.ts';
import type { TensorInfo } from '../../../core/checkpoint/checkpoint.ts';
import type { Role } from '../../../core/model/places.ts';
import type { SensitivityRow } from '../../../core/protocol/objects.ts';
import type { PlanRequest } from '../../../core/protocol/plan.ts';
import { DEFAULT_CHOICES, GGUF_TARGETS, storedType, targetBytes } from '../../../core/quant/ggufTypes.ts';
import { bitsPerElement } from '../../../core/tensor/dtype.ts';

export const size: SizeModel = {
  fixedBytes: 4096,
  importanceBytes: 0,
  isWeighed: () => false,
  paddedBytes: (rows, columns, type) => Math.ceil(targetBytes(type, rows, columns) / 32) * 32,
};

export const request: PlanRequest = {
  targetBytes: 600_000,
  choices: [...DEFAULT_CHOICES],
  locks: [],
  pins: [],
  minimums: [],
};

export function model(layers = 6): { tensors: TensorInfo[]; rows: SensitivityRow[] } {
  const tensors: TensorInfo[] = [];
  const add = (name: string, role: Role, shape: number[]): void => {
    const elements = shape.reduce((product, side) => product * side, 1);
    const index = tensors.length;
    const place = { role, layer: null, stack: '', module: '' };
    tensors.push({ ...place, index, name, dtype: 'BF16', shape, elements, bytes: elements * 2, file: 0, offset: 0 });
  };
  add('norm', 'norm', [512]);
  for (let layer = 0; layer < layers; layer++) {
    add(`blk.${layer}.q`, 'attention.q', [64, 512]);
    add(`blk.${layer}.down`, 'mlp.down', [128, 768]);
  }
  add('odd', 'other', [3, 288]);
  const rows = tensors.map(
    (tensor): SensitivityRow => ({
      tensor: tensor.index,
      damages: GGUF_TARGETS.map((type) => {
        const columns = tensor.shape.at(-1) ?? 1;
        const stored = storedType(type, columns);
        const relativeError = (1 + 0.37 * tensor.index) * 4 ** -bitsPerElement(stored);
        const bytes = targetBytes(stored, tensor.elements / columns, columns);
        return { type, stored, bytes, relativeError, sqnr: -10 * Math.log10(relativeError) };
      }),
    }),
  );
  return { tensors, rows };
}
