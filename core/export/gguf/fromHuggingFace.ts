// A Hugging Face folder of the Llama, Mistral, Qwen2 or Qwen3 family as the contents of a GGUF file.

import { QuantscopeError } from '../../base/errors.ts';
import type { Checkpoint, TensorInfo } from '../../checkpoint/checkpoint.ts';
import { ggufArchitecture, type ModelConfig, readModelConfig } from '../../model/modelConfig.ts';
import { readTokenizerFiles } from '../../tokenizer/tokenizerFiles.ts';
import { checkShapes } from './checkShapes.ts';
import type { GgufContents, GgufTensor } from './contents.ts';
import { f32, type KeyValue, text, u32 } from './keyValues.ts';
import { permutedHeads } from './permutedHeads.ts';
import { ropeScaling } from './ropeScaling.ts';
import { fixedType, keptType } from './storedTypes.ts';
import { ggufNamesFor, isComputedBuffer, type ToGgufName } from './tensorNames.ts';
import { tokenizerKeyValues } from './tokenizer/tokenizer.ts';

/** ggml.h GGML_QNT_VERSION. */
export const QUANTIZATION_VERSION = 2;
const DEFAULT_ALIGNMENT = 32; // gguf.h GGUF_DEFAULT_ALIGNMENT

/** Why this checkpoint cannot become a GGUF, as far as its headers tell; null when nothing speaks against it. */
export function huggingFaceBlocker({ config, tensors }: Checkpoint): string | null {
  if (config === null) return 'GGUF export needs config.json beside the weights';
  const architecture = ggufArchitecture(config);
  if (typeof architecture !== 'string') return architecture.blocker;
  const toGguf = ggufNamesFor(architecture, namesOf(tensors));
  const stranger = tensors.find(({ name }) => !isComputedBuffer(name) && toGguf(name) === null);
  if (stranger !== undefined) return `${stranger.name} has no place in llama.cpp's ${architecture} architecture`;
  return null;
}

/** @throws UNSUPPORTED_ARCHITECTURE, TOKENIZER_UNSUPPORTED, HEADER_INVALID, SHAPE_INVALID, TENSOR_NOT_FOUND */
export async function contentsFromHuggingFace(checkpoint: Checkpoint, fileType: number): Promise<GgufContents> {
  const blocker = huggingFaceBlocker(checkpoint);
  const architecture = ggufArchitecture(checkpoint.config ?? {});
  if (blocker !== null || typeof architecture !== 'string')
    throw new QuantscopeError('UNSUPPORTED_ARCHITECTURE', `${checkpoint.name}: ${blocker ?? 'unknown architecture'}`);
  const config = readModelConfig(checkpoint.config ?? {}, architecture);
  const rope = ropeScaling(config);
  const toGguf = ggufNamesFor(architecture, namesOf(checkpoint.tensors));
  const tensors: GgufTensor[] = checkpoint.tensors
    .filter(({ name }) => !isComputedBuffer(name))
    .map((tensor) => outputTensor(tensor, config, toGguf))
    .toSorted((a, b) => fileOrder(a.source) - fileOrder(b.source));
  checkShapes(tensors, config);
  if (rope.frequencyFactors !== null) tensors.push(constantTensor('rope_freqs.weight', rope.frequencyFactors));
  const tokenizer = tokenizerKeyValues(await readTokenizerFiles(checkpoint), embeddingRows(tensors, config));
  return {
    alignment: DEFAULT_ALIGNMENT,
    keyValues: [
      ...modelKeyValues(config, checkpoint.name),
      ...rope.keyValues,
      u32('general.file_type', fileType),
      ...tokenizer.keyValues,
      u32('general.quantization_version', QUANTIZATION_VERSION),
    ],
    tensors,
    warnings: [...rope.warnings, ...tokenizer.warnings],
  };
}

function modelKeyValues(config: ModelConfig, name: string): KeyValue[] {
  const key = (suffix: string): string => `${config.architecture}.${suffix}`;
  const entries = [
    text('general.architecture', config.architecture),
    text('general.type', 'model'),
    text('general.name', name),
    u32(key('block_count'), config.blockCount),
    u32(key('context_length'), config.contextLength),
    u32(key('embedding_length'), config.embeddingLength),
    u32(key('feed_forward_length'), config.feedForwardLength),
    u32(key('attention.head_count'), config.heads),
    u32(key('attention.head_count_kv'), config.keyValueHeads),
    u32(key('vocab_size'), config.vocabularySize),
    u32(key('rope.dimension_count'), config.headDimension),
    f32(key('rope.freq_base'), config.ropeBase),
    f32(key('attention.layer_norm_rms_epsilon'), config.rmsEpsilon),
  ];
  // llama.cpp takes embedding_length / head_count where nothing is said
  if (config.headDimension * config.heads !== config.embeddingLength) {
    entries.push(u32(key('attention.key_length'), config.headDimension));
    entries.push(u32(key('attention.value_length'), config.headDimension));
  }
  return entries;
}

function outputTensor(tensor: TensorInfo, config: ModelConfig, toGguf: ToGgufName): GgufTensor {
  return {
    name: toGguf(tensor.name) ?? tensor.name,
    shape: tensor.shape,
    source: tensor,
    fixedType: fixedType(tensor),
    keptType: keptType(tensor),
    permutedHeads: headsOf(tensor, config),
  };
}

function headsOf(tensor: TensorInfo, config: ModelConfig): number {
  const heads = permutedHeads(tensor.name, config);
  const rows = tensor.shape[0] ?? 0;
  if (heads > 0 && rows % (2 * heads) !== 0)
    throw new QuantscopeError('SHAPE_INVALID', `${tensor.name}: ${rows} rows do not make ${heads} heads of even width`);
  return heads;
}

function constantTensor(name: string, values: Float32Array): GgufTensor {
  return { name, shape: [values.length], source: values, fixedType: 'F32', keptType: 'F32', permutedHeads: 0 };
}

/** Embedding, layers from first to last, everything after them. */
function fileOrder(source: TensorInfo | Float32Array): number {
  if (source instanceof Float32Array) return Number.MAX_SAFE_INTEGER;
  if (source.layer !== null) return source.layer;
  return source.role === 'embedding' ? -1 : Number.MAX_SAFE_INTEGER - 1;
}

/** Checked to be there. */
function embeddingRows(tensors: readonly GgufTensor[], config: ModelConfig): number {
  return tensors.find(({ name }) => name === 'token_embd.weight')?.shape[0] ?? config.vocabularySize;
}

function namesOf(tensors: readonly TensorInfo[]): Set<string> {
  return new Set(tensors.map(({ name }) => name));
}
