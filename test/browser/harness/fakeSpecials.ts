// What the unusual synthetic models have: packed tensors, a pickle full of warnings, names nobody would choose.

import type { ModelSummary, TensorTable } from '../../../core/protocol/objects.ts';
import type { FakeSize, Spec } from './fakeModel.ts';

/** Linear weights as GPTQ packs them; the first layer in eight bits, as mixed recipes do. */
export function gptq(spec: Spec): Spec {
  if (spec.layer < 0 || spec.shape.length < 2) return { ...spec, dtype: 'F16' };
  return spec.layer === 0
    ? { ...spec, dtype: 'INT8', scheme: 'GPTQ, 8 bit, groups of 128, act-order', bitsPerWeight: 8.25 }
    : { ...spec, dtype: 'INT4', scheme: 'GPTQ, 4 bit, groups of 128, act-order', bitsPerWeight: 4.25 };
}

/** A graph without layers: long names, names of one part, names that try to be markup. */
export function oddSpecs(): Spec[] {
  const names = [
    ...Array.from(
      { length: 40 },
      (_, i) => `/backbone/features/features.${i % 7}/conv/${'block/'.repeat(9)}Conv_${i}_W`,
    ),
    ...Array.from({ length: 30 }, (_, i) => `onnx::MatMul_${1000 + 7 * i}`),
    '<img src=x onerror=alert(1)>',
    '\u202Egnp.exe\u0007',
    '',
    'a',
    'very_long_name_without_any_separator_'.repeat(20),
  ];
  return names.map((name, i) => ({
    name,
    shape: i % 9 === 8 ? [64] : [32 + (i % 5) * 16, 64],
    layer: -1,
    role: 'other',
    stack: '',
    module: name,
    dtype: i % 6 === 5 ? 'I8' : 'F32',
  }));
}

const COMPANIONS: ModelSummary['companions'] = [
  { name: 'config.json', kind: 'config', note: 'LlamaForCausalLM, 24 layers, GPTQ 4 bit' },
  { name: 'generation_config.json', kind: 'generation', note: 'temperature 0.6, top-p 0.9' },
  { name: 'tokenizer.json', kind: 'tokenizer', note: '49,152 tokens, BPE' },
  { name: 'lora/adapter_model.safetensors', kind: 'adapter', note: 'LoRA, rank 16 on q_proj, v_proj' },
  { name: 'README.md', kind: 'card', note: 'apache-2.0 <b>not bold</b>' },
];

const PICKLE_WARNINGS: readonly string[] = [
  'pytorch_model.bin: data.pkl asks for os.system at byte 1,204: it is not run here, and would be by torch.load',
  'pytorch_model.bin: data.pkl asks for builtins.eval at byte 1,377: it is not run here, and would be by torch.load',
  ...Array.from(
    { length: 9 },
    (_, i) => `pytorch_model.bin: global numpy.core.multiarray.scalar\u202E<script>${i}</script> is shown by name only`,
  ),
];

/** What their summaries say otherwise. */
export const SPECIAL: Readonly<Partial<Record<FakeSize, Partial<ModelSummary>>>> = {
  packed: { companions: COMPANIONS },
  pickle: { format: 'pytorch', path: '/models/pytorch_model.bin', warnings: [...PICKLE_WARNINGS] },
  imatrix: {
    format: 'imatrix',
    path: '/models/imatrix.dat',
    imatrix: { datasets: ['wiki.train.raw', 'calibration/<b>code</b>.txt'], chunks: 128, chunkTokens: 512 },
    metadata: [],
    metadataCount: 0,
    ggufBlocker: 'an importance matrix holds activations, not weights',
  },
  odd: { format: 'onnx', path: '/models/graph.onnx', architecture: null, ggufBlocker: 'no known architecture' },
};

export function dtypeMix({ dtypes, elements, bytes }: TensorTable): ModelSummary['dtypes'] {
  const mix = new Map<string, ModelSummary['dtypes'][number]>();
  dtypes.forEach((dtype, t) => {
    const entry = mix.get(dtype) ?? { dtype, tensors: 0, parameters: 0, bytes: 0 };
    mix.set(dtype, entry);
    entry.tensors++;
    entry.parameters += elements[t] ?? 0;
    entry.bytes += bytes[t] ?? 0;
  });
  return [...mix.values()].sort((a, b) => b.bytes - a.bytes);
}
