// Synthetic models for looking at the views: tables, statistics, tiles and damages that behave like real ones.

import type { ModelSummary, SensitivityRow, StatisticsRow, TensorTable } from '../../../core/protocol/objects.ts';
import { GGUF_TARGETS, type GgufTarget, storedType, targetBytes } from '../../../core/quant/ggufTypes.ts';
import { storedBytes } from '../../../core/tensor/dtype.ts';
import { columnStatistics, importance, importanceOf, importanceSpecs } from './fakeImportance.ts';
import { dtypeMix, gptq, oddSpecs, SPECIAL } from './fakeSpecials.ts';
import { hash } from './hash.ts';

type Role = TensorTable['roles'][number];
export interface Spec {
  name: string;
  shape: number[];
  layer: number;
  role: Role;
  stack: string;
  module: string;
  /** BF16 unless given. */
  dtype?: TensorTable['dtypes'][number];
  scheme?: string;
  /** Of packed tensors, scales included. */
  bitsPerWeight?: number;
}

export type FakeSize = 'tiny' | 'llama' | 'huge' | 'flat' | 'deep' | 'packed' | 'pickle' | 'imatrix' | 'odd';

export interface FakeModel {
  summary: ModelSummary;
  table: TensorTable;
  statistics(tensor: number): StatisticsRow['statistics'];
  damages(tensor: number): SensitivityRow['damages'];
  value(tensor: number, row: number, column: number): number;
}

export function fakeModel(size: FakeSize): FakeModel {
  const specs = SPECS[size]();
  const count = specs.length;
  const elements = Float64Array.from(specs, (s) => s.shape.reduce((a, b) => a * b, 1));
  const bytes = Float64Array.from(specs, (s, t) => {
    const n = elements[t] ?? 0;
    return s.bitsPerWeight === undefined ? storedBytes(s.dtype ?? 'BF16', n) : (n * s.bitsPerWeight) / 8;
  });
  const table: TensorTable = {
    names: specs.map((s) => s.name),
    dtypes: specs.map((s) => s.dtype ?? 'BF16'),
    shapes: specs.map((s) => s.shape),
    elements,
    bytes,
    layers: Int32Array.from(specs, (s) => s.layer),
    roles: specs.map((s) => s.role),
    stacks: specs.map((s) => s.stack),
    modules: specs.map((s) => s.module),
    schemes: specs.map((s) => s.scheme ?? ''),
    quantizable: Uint8Array.from(specs, (s) => (s.shape.length >= 2 && s.role !== 'norm' ? 1 : 0)),
  };
  const parameters = elements.reduce((a, b) => a + b, 0);
  const total = bytes.reduce((a, b) => a + b, 0);
  const roles = new Map<Role, { role: Role; tensors: number; parameters: number; bytes: number }>();
  specs.forEach((s, i) => {
    const entry = roles.get(s.role) ?? { role: s.role, tensors: 0, parameters: 0, bytes: 0 };
    roles.set(s.role, entry);
    entry.tensors++;
    entry.parameters += elements[i] ?? 0;
    entry.bytes += bytes[i] ?? 0;
  });
  const summary: ModelSummary = {
    model: 1,
    path: `/models/${NAMES[size]}/model.safetensors`,
    name: NAMES[size],
    format: 'safetensors',
    architecture: size === 'flat' ? null : size === 'huge' ? 'qwen3moe' : 'llama',
    layers: new Set(specs.filter((s) => s.layer >= 0).map((s) => s.layer)).size,
    files: size === 'huge' ? 64 : 1,
    tensorCount: count,
    parameters,
    bytes: total,
    fileBytes: total + 32_000,
    bitsPerWeight: (8 * total) / parameters,
    dtypes: dtypeMix(table),
    roles: [...roles.values()],
    metadata: [
      { key: 'format', value: 'pt' },
      { key: 'general.name', value: NAMES[size] },
      { key: 'hostile\u202Ename', value: '<img src=x onerror=alert(1)>\u0007' },
      { key: 'vocab_size', value: '49152' },
    ],
    metadataCount: 4,
    warnings: size === 'tiny' ? ['config.json is missing: architecture guessed from names'] : [],
    companions: [],
    imatrix: null,

    fingerprint: 'fake',
    bytesRead: 32_000,
    openMs: 4.2,
    ggufBlocker: size === 'flat' ? 'no architecture known to llama.cpp matches these names' : null,
    ...SPECIAL[size],
  };
  const heavy = (t: number): number => {
    const s = specs[t];
    if (s === undefined) return 0;
    const last = summary.layers - 1;
    const edge = s.layer >= 0 && (s.layer < 3 || s.layer > last - 3);
    const base = hash(t, 1, 7);
    if (s.role === 'mlp.down' && edge) return 40 + 160 * base;
    if (s.role === 'attention.k') return 3 + 5 * base;
    if (s.role === 'attention.output') return 4 + 9 * base ** 3;
    return 0.2 + 4 * base ** 2;
  };
  const sigma = (t: number): number => 0.02 + 0.03 * hash(t, 2, 5);
  const statistics = (t: number): StatisticsRow['statistics'] => {
    if (size === 'imatrix') return columnStatistics(importanceOf(t, specs[t]?.shape.at(-1) ?? 1));
    const k = heavy(t) - (hash(t, 4, 4) < 0.08 ? 0.5 : 0);
    const std = sigma(t);
    const peak = std * (5.2 + 2.6 * Math.sqrt(Math.max(0, k)));
    const n = elements[t] ?? 0;
    return {
      count: n,
      min: -peak * 0.93,
      max: peak,
      mean: std * 0.01,
      std,
      absMax: peak,
      rms: std,
      kurtosis: k,
      maxToMeanRatio: peak / (std * 0.78),
      outlierFraction3: 0.0027 + 0.0002 * Math.max(0, k),
      outlierFraction6: k > 2 ? 2e-6 * k : 0,
      zeros: 0,
      nan: hash(t, 9, 9) > 0.997 ? 3 : 0,
      inf: 0,
      layerOutlierDistribution: [0.016, 0.0002 + 1e-5 * k, 3e-5 * k, 4e-6 * k],
    };
  };
  const damages = (t: number): SensitivityRow['damages'] => {
    const columns = specs[t]?.shape.at(-1) ?? 1;
    const rows = (elements[t] ?? 0) / columns;
    const k = heavy(t);
    return GGUF_TARGETS.map((type) => {
      const stored = storedType(type, columns);
      const size_ = targetBytes(stored, rows, columns);
      const bits = (8 * size_) / (elements[t] ?? 1);
      const lossless = stored === 'F32' || stored === 'BF16';
      const relativeError = lossless
        ? 0
        : 2.1 * 4 ** -bits * (1 + 0.09 * k) * KIND_FACTOR(stored) * (0.8 + 0.4 * hash(t, 3, 3));
      return {
        type,
        stored,
        bytes: size_,
        relativeError,
        sqnr: relativeError === 0 ? Infinity : -10 * Math.log10(relativeError),
      };
    });
  };
  const value = (t: number, row: number, column: number): number => {
    if (size === 'imatrix') return importance(t, row, column);
    const columns = specs[t]?.shape.at(-1) ?? 1;
    const std = sigma(t);
    const hot = heavy(t) > 20 && [0.14, 0.39, 0.64, 0.9].some((f) => Math.floor(f * columns) === column);
    if (heavy(t) > 20 && row === 211 && column === Math.floor(0.64 * columns)) return statistics(t).max;
    const gauss =
      Math.sqrt(-2 * Math.log(hash(t, row, column) + 1e-12)) * Math.cos(6.2831853 * hash(row, column, t + 11));
    return gauss * std * (hot ? 4 : 1) * (row % 97 === 40 ? 1.6 : 1);
  };
  return { summary, table, statistics, damages, value };
}

const KIND_FACTOR = (type: GgufTarget): number =>
  type.endsWith('_K') ? 0.8 : type.startsWith('IQ') ? 0.7 : type === 'F16' ? 1e4 : 1;

const NAMES: Record<FakeSize, string> = {
  tiny: 'five-tensors',
  llama: 'SmolLM2-135M',
  huge: 'MoE-50k',
  flat: 'mobilenet-graph',
  deep: 'deep-240-layers',
  packed: 'Llama-4bit-GPTQ',
  pickle: 'pytorch_model',
  imatrix: 'imatrix',
  odd: 'graph\u202E.onnx',
};

const SPECS: Record<FakeSize, () => Spec[]> = {
  tiny: () => [
    spec('embed.weight', [512, 256], -1, 'embedding', '', 'embed'),
    spec('layers.0.attn.q.weight', [256, 256], 0, 'attention.q', 'layers', 'q'),
    spec('layers.0.mlp.down.weight', [256, 768], 0, 'mlp.down', 'layers', 'down'),
    spec('layers.0.norm.weight', [256], 0, 'norm', 'layers', 'norm'),
    spec('evil\u202Egnp.\u0007<b>x</b>', [512, 256], -1, 'output', '', 'output'),
  ],
  llama: () => llama(30, 576, 1536),
  deep: () => llama(240, 256, 512),
  packed: () => llama(24, 768, 2048).map(gptq),
  pickle: () => llama(6, 288, 768),
  imatrix: () => importanceSpecs(24, 768, 2048, 8),
  odd: oddSpecs,
  huge: () => {
    const specs: Spec[] = [spec('model.embed_tokens.weight', [151936, 2048], -1, 'embedding', '', 'embedding')];
    for (let l = 0; l < 94; l++) {
      for (const [m, role] of [
        ['q', 'attention.q'],
        ['k', 'attention.k'],
        ['v', 'attention.v'],
        ['o', 'attention.output'],
      ] as const) {
        specs.push(spec(`model.layers.${l}.self_attn.${m}_proj.weight`, [2048, 2048], l, role, 'model.layers', m));
      }
      for (let e = 0; e < 176; e++) {
        for (const [m, role] of [
          ['gate', 'expert.gate'],
          ['up', 'expert.up'],
          ['down', 'expert.down'],
        ] as const) {
          specs.push(
            spec(
              `model.layers.${l}.mlp.experts.${e}.${m}_proj.weight`,
              [768, 2048],
              l,
              role,
              'model.layers',
              `expert.${m}`,
            ),
          );
        }
      }
    }
    specs.push(spec('lm_head.weight', [151936, 2048], -1, 'output', '', 'output'));
    return specs;
  },
  flat: () =>
    Array.from({ length: 320 }, (_, i) =>
      spec(
        `${['stem', 'features', 'head'][i < 20 ? 0 : i < 260 ? 1 : 2]}.${i}.weight`,
        [64, 64 + (i % 7) * 16],
        -1,
        'other',
        '',
        `${['stem', 'features', 'head'][i < 20 ? 0 : i < 260 ? 1 : 2]}.${i}`,
      ),
    ),
};

function llama(layers: number, hidden: number, ffn: number): Spec[] {
  const specs: Spec[] = [spec('model.embed_tokens.weight', [49152, hidden], -1, 'embedding', '', 'embedding')];
  for (let l = 0; l < layers; l++) {
    const at = (part: string, shape: number[], role: Role, module: string): void => {
      specs.push(spec(`model.layers.${l}.${part}.weight`, shape, l, role, 'model.layers', module));
    };
    at('input_layernorm', [hidden], 'norm', 'attn_norm');
    at('self_attn.q_proj', [hidden, hidden], 'attention.q', 'q');
    at('self_attn.k_proj', [hidden / 3, hidden], 'attention.k', 'k');
    at('self_attn.v_proj', [hidden / 3, hidden], 'attention.v', 'v');
    at('self_attn.o_proj', [hidden, hidden], 'attention.output', 'o');
    at('post_attention_layernorm', [hidden], 'norm', 'ffn_norm');
    at('mlp.gate_proj', [ffn, hidden], 'mlp.gate', 'gate');
    at('mlp.up_proj', [ffn, hidden], 'mlp.up', 'up');
    at('mlp.down_proj', [hidden, ffn], 'mlp.down', 'down');
  }
  specs.push(spec('model.norm.weight', [hidden], -1, 'norm', '', 'norm'));
  return specs;
}

export function spec(name: string, shape: number[], layer: number, role: Role, stack: string, module: string): Spec {
  return { name, shape: shape.map(Math.round), layer, role, stack, module };
}
