// Tensors of a small float32 safetensors file, and the same with the experts of a layer in one tensor each.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { concatenate, type FixtureTensor } from '../../fixtures/writeSafetensors.ts';

/** @param folder holds model.safetensors, float32 only */
export function floatTensors(folder: string): FixtureTensor[] {
  const bytes = readFileSync(join(folder, 'model.safetensors'));
  const length = Number(bytes.readBigUInt64LE(0));
  const header: Record<string, { shape: number[]; data_offsets: [number, number] }> = JSON.parse(
    bytes.toString('utf8', 8, 8 + length),
  );
  delete header.__metadata__;
  return Object.entries(header).map(([name, { shape, data_offsets }]) => {
    const [begin, end] = data_offsets.map((offset) => 8 + length + offset);
    return { name, dtype: 'F32', shape, data: bytes.subarray(begin, end) };
  });
}

const EXPERT = /^(model\.layers\.\d+)\.(?:mlp|block_sparse_moe)\.experts\.(\d+)\.(\w+)\.weight$/;
const PARTS: Readonly<Record<string, 'gate' | 'up' | 'down'>> = {
  w1: 'gate',
  w3: 'up',
  w2: 'down',
  gate_proj: 'gate',
  up_proj: 'up',
  down_proj: 'down',
};

/** [experts, rows, columns] per layer and part; everything else as it is. */
export function expertStacks(tensors: readonly FixtureTensor[]): {
  stacks: { layer: string; part: 'gate' | 'up' | 'down'; experts: FixtureTensor[] }[];
  others: FixtureTensor[];
} {
  const stacks = new Map<string, { layer: string; part: 'gate' | 'up' | 'down'; experts: FixtureTensor[] }>();
  const others: FixtureTensor[] = [];
  for (const tensor of tensors) {
    const [, layer = '', number = '', name = ''] = EXPERT.exec(tensor.name) ?? [];
    const part = PARTS[name];
    if (part === undefined) {
      others.push(tensor);
      continue;
    }
    const stack = stacks.get(`${layer} ${part}`) ?? { layer, part, experts: [] };
    stack.experts[Number(number)] = tensor;
    stacks.set(`${layer} ${part}`, stack);
  }
  return { stacks: [...stacks.values()], others };
}

/** As transformers 5 holds them: gate and up of an expert below each other. */
export function stackExperts(tensors: readonly FixtureTensor[]): FixtureTensor[] {
  const { stacks, others } = expertStacks(tensors);
  const partOf = (layer: string, part: string): FixtureTensor[] =>
    stacks.find((stack) => stack.layer === layer && stack.part === part)?.experts ?? [];
  const layers = [...new Set(stacks.map(({ layer }) => layer))];
  const joined = layers.flatMap((layer) => {
    const [gates, ups, downs] = [partOf(layer, 'gate'), partOf(layer, 'up'), partOf(layer, 'down')];
    const [rows = 0, columns = 0] = gates[0]?.shape ?? [];
    return [
      {
        name: `${layer}.mlp.experts.gate_up_proj`,
        dtype: 'F32',
        shape: [gates.length, 2 * rows, columns],
        data: concatenate(gates.flatMap((gate, expert) => [gate.data, ups[expert]?.data ?? gate.data])),
      },
      {
        name: `${layer}.mlp.experts.down_proj`,
        dtype: 'F32',
        shape: [downs.length, columns, rows],
        data: concatenate(downs.map(({ data }) => data)),
      },
    ];
  });
  return [...others, ...joined];
}
