// safetensors: what quantization leaves of the weights, decoded back to BF16, for any runtime that reads the original.

import { QuantscopeError } from '../../base/errors.ts';
import { matrixShape, type TensorInfo } from '../../checkpoint/checkpoint.ts';
import { hasStoredBytes } from '../../decode/storedBytes.ts';
import type { Plan } from '../../protocol/plan.ts';
import type { GgufTarget } from '../../quant/ggufTypes.ts';
import type { Rounding } from '../../quant/rounding/rounding.ts';
import { type DType, dtypeInfo, isSafetensorsDType, storedBytes } from '../../tensor/dtype.ts';
import type { ExportDraft, Exporter, ExportInput } from '../exporter.ts';
import { plannedTypes } from '../plannedTypes.ts';

const HEADER_ALIGNMENT = 8;

export const safetensorsExporter: Exporter = {
  format: 'safetensors',
  suffix: '.safetensors',

  async preflight() {
    return [
      {
        name: 'Format',
        ok: true,
        code: 'INTERNAL',
        message: 'simulated: the quantized values, decoded and stored as BF16',
      },
    ];
  },

  async draft({ checkpoint, plan, rounding }: ExportInput): Promise<ExportDraft> {
    const types = plannedTypes(checkpoint, plan);
    const stored = checkpoint.tensors
      .map((tensor) => ({ tensor, steps: stepsOf(tensor, types.get(tensor.name)) }))
      .map(({ tensor, steps }) => ({ tensor, steps, type: steps.at(-1) ?? tensor.dtype }))
      // Wide elements first: every tensor stays aligned to its element although the format allows no gap.
      .toSorted((a, b) => dtypeInfo(b.type).blockBytes - dtypeInfo(a.type).blockBytes);
    const strange = stored.find(({ type }) => !isSafetensorsDType(type));
    if (strange !== undefined)
      throw new QuantscopeError('DTYPE_UNKNOWN', `${strange.tensor.name}: safetensors has no dtype ${strange.type}`);
    const head = headerBytes(stored, plan, rounding);
    const tensors = stored.map(({ tensor, steps, type }) => ({
      name: tensor.name,
      type,
      bytes: storedBytes(type, tensor.elements),
      paddingBytes: 0,
      source: { tensor: tensor.index, steps, permutedHeads: 0, ...matrixShape(tensor) },
    }));
    return {
      totalBytes: tensors.reduce((sum, { bytes }) => sum + bytes, head.length),
      head,
      tensors,
      warnings: [],
    };
  },
};

/**
 * Quantize, then decode into BF16. Tensors no plan names are copied; blocks and packed codes, which safetensors has no
 * dtype for, become BF16; numbers that are not stored as such become F32, as they were read.
 */
function stepsOf(tensor: TensorInfo, planned: GgufTarget | undefined): DType[] {
  const { dtype } = tensor;
  const { kind } = dtypeInfo(dtype);
  if (planned === undefined) {
    if (kind === 'block' || kind === 'packed') return ['BF16'];
    return [hasStoredBytes(tensor) ? dtype : 'F32'];
  }
  const quantizes = dtypeInfo(planned).kind === 'block' || planned === 'F16';
  return quantizes && planned !== dtype ? [planned, 'BF16'] : ['BF16'];
}

/** Header length, then JSON padded with spaces (safetensors README, "Format"). */
function headerBytes(
  stored: readonly { tensor: TensorInfo; type: DType }[],
  plan: Plan,
  rounding: Rounding | undefined,
): Uint8Array {
  const types = Object.entries(plan.solution.tensors).map(([name, { type }]) => [name, type]);
  const entries = new Map<string, unknown>([
    [
      '__metadata__',
      {
        format: 'pt',
        'quantscope.simulated': 'true',
        ...(rounding === undefined ? {} : { 'quantscope.rounding': rounding.method }),
        'quantscope.plan': JSON.stringify({ model: plan.model.name, tensors: Object.fromEntries(types) }),
      },
    ],
  ]);
  let begin = 0;
  for (const { tensor, type } of stored) {
    const end = begin + storedBytes(type, tensor.elements);
    entries.set(tensor.name, { dtype: type, shape: tensor.shape, data_offsets: [begin, end] });
    begin = end;
  }
  // Built by hand: an object would move integer-like names to the front.
  const body = [...entries].map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',');
  const json = new TextEncoder().encode(`{${body}}`);
  const length = Math.ceil(json.length / HEADER_ALIGNMENT) * HEADER_ALIGNMENT;
  const out = new Uint8Array(8 + length).fill(0x20);
  new DataView(out.buffer).setBigUint64(0, BigInt(length), true);
  out.set(json, 8);
  return out;
}
