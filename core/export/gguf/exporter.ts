// GGUF: the plan's types in a file llama.cpp loads.

import { matrixShape, type TensorInfo } from '../../checkpoint/checkpoint.ts';
import type { DType } from '../../tensor/dtype.ts';
import type { DraftTensor, ExportCheck, ExportDraft, Exporter, ExportInput } from '../exporter.ts';
import { plannedTypes } from '../plannedTypes.ts';
import { headerBytes, layOut, type PlacedTensor, padded } from './container.ts';
import type { GgufTensor } from './contents.ts';
import { fileType } from './fileType.ts';
import { withKeyValues } from './keyValues.ts';
import { contentsOf, ggufBlocker, naming } from './layout.ts';
import { roundingKeyValues } from './roundingKeyValues.ts';
import { isWeighed } from './weighed.ts';

export const ggufExporter: Exporter = {
  format: 'gguf',
  suffix: '.gguf',

  async preflight({ checkpoint }): Promise<ExportCheck[]> {
    const blocker = ggufBlocker(checkpoint);
    const message = blocker ?? `${checkpoint.model.architecture ?? 'this model'} can be written as GGUF`;
    return [{ name: 'Format', ok: blocker === null, message, code: 'UNSUPPORTED_ARCHITECTURE' }];
  },

  async draft({ checkpoint, plan, importance, rounding }: ExportInput): Promise<ExportDraft> {
    const types = plannedTypes(checkpoint, plan);
    const typeOf = (tensor: GgufTensor): DType => {
      if (tensor.fixedType !== null) return tensor.fixedType;
      const planned = tensor.source instanceof Float32Array ? undefined : types.get(tensor.source.name);
      return planned ?? tensor.keptType;
    };
    const weights = checkpoint.tensors.flatMap(({ name, elements }) => {
      const type = types.get(name);
      return type === undefined ? [] : [{ type, elements }];
    });
    const weighed = checkpoint.tensors.some((tensor) => {
      const type = types.get(tensor.name);
      return type !== undefined && isWeighed(checkpoint, importance, tensor, type);
    });
    const named = naming(await contentsOf(checkpoint, fileType(weights)), importance, weighed);
    const contents = { ...named, keyValues: withKeyValues(named.keyValues, roundingKeyValues(rounding)) };
    const layout = layOut(contents, typeOf);
    return {
      totalBytes: layout.totalBytes,
      head: headerBytes(contents, layout),
      tensors: layout.tensors.map((placed) => draftTensor(placed, layout.alignment)),
      warnings: contents.warnings,
    };
  },
};

function draftTensor({ tensor, type, bytes }: PlacedTensor, alignment: number): DraftTensor {
  const { source, name, permutedHeads } = tensor;
  return {
    name,
    bytes,
    paddingBytes: padded(bytes, alignment) - bytes,
    type,
    source:
      source instanceof Float32Array
        ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
        : { tensor: source.index, steps: [type], permutedHeads, ...rowsOf(source, permutedHeads) },
  };
}

/** A permuted bias is one number per row. */
function rowsOf(source: TensorInfo, permutedHeads: number): { rows: number; columns: number } {
  if (permutedHeads > 0 && source.shape.length === 1) return { rows: source.elements, columns: 1 };
  return matrixShape(source);
}
