// The tensors of a llama2.c model: one kind after the other, each kind for all layers.

import type { Extent, TensorStorage } from '../../tensor/storage.ts';
import type { StoredTensor } from '../format.ts';
import type { Llama2cHeader } from './header.ts';

/** What is stored together: the same tensor of every layer, or one outside the layers. */
export interface Kind {
  /** Hugging Face's name and Meta's; N stands for the layer. null: computed tables, no parameters. */
  readonly names: readonly [huggingFace: string, meta: string] | null;
  readonly count: number;
  readonly shape: readonly number[];
  /** Bytes of one. */
  readonly bytes: number;
  readonly quantized: boolean;
  /** Heads whose rows are rotated in pairs; 0 for all but queries and keys. */
  readonly rotatedHeads: number;
}

const SCALE_BYTES = 4;

/** In the order of the file: `legacy_export`, `version1_export` and `version2_export` of export.py. */
export function llama2cKinds(header: Llama2cHeader): Kind[] {
  const { version, width, feedForward, layers, heads, keyValueHeads, vocabulary, context } = header;
  const headWidth = width / heads;
  const kind = (names: Kind['names'], count: number, shape: readonly number[], rotatedHeads = 0): Kind => {
    const elements = shape.reduce((product, dimension) => product * dimension, 1);
    const quantized = version === 2 && shape.length > 1;
    const bytes = quantized ? elements + (elements / header.groupSize) * SCALE_BYTES : elements * 4;
    return { names, count, shape, bytes, quantized, rotatedHeads };
  };
  const layer = (huggingFace: string, meta: string, shape: readonly number[], rotatedHeads?: number): Kind =>
    kind([`model.layers.N.${huggingFace}.weight`, `layers.N.${meta}.weight`], layers, shape, rotatedHeads);

  const embedding = kind(['model.embed_tokens.weight', 'tok_embeddings.weight'], 1, [vocabulary, width]);
  const attentionNorm = layer('input_layernorm', 'attention_norm', [width]);
  const attention = [
    layer('self_attn.q_proj', 'attention.wq', [width, width], heads),
    layer('self_attn.k_proj', 'attention.wk', [headWidth * keyValueHeads, width], keyValueHeads),
    layer('self_attn.v_proj', 'attention.wv', [headWidth * keyValueHeads, width]),
    layer('self_attn.o_proj', 'attention.wo', [width, width]),
  ];
  const feedForwardNorm = layer('post_attention_layernorm', 'ffn_norm', [width]);
  const feedForwardPart = [
    layer('mlp.gate_proj', 'feed_forward.w1', [feedForward, width]),
    layer('mlp.down_proj', 'feed_forward.w2', [width, feedForward]),
    layer('mlp.up_proj', 'feed_forward.w3', [feedForward, width]),
  ];
  const norm = kind(['model.norm.weight', 'norm.weight'], 1, [width]);
  const output = header.sharedOutput ? [] : [kind(['lm_head.weight', 'output.weight'], 1, [vocabulary, width])];
  if (version === 0) {
    // Cosines and sines of every position; run.c skips them as well.
    const rotations = kind(null, 2, [context, headWidth / 2]);
    const layerKinds = [attentionNorm, ...attention, feedForwardNorm, ...feedForwardPart];
    return [embedding, ...layerKinds, norm, rotations, ...output];
  }
  return [attentionNorm, feedForwardNorm, norm, embedding, ...attention, ...feedForwardPart, ...output];
}

/** Bytes of the whole file; beyond 2^53 rounded, which no file has. */
export function llama2cBytes(header: Llama2cHeader, kinds: readonly Kind[]): number {
  return kinds.reduce((total, { count, bytes }) => total + count * bytes, header.headerBytes);
}

export function llama2cTensors(header: Llama2cHeader, kinds: readonly Kind[]): StoredTensor[] {
  const tensors: StoredTensor[] = [];
  let offset = header.headerBytes;
  for (const kind of kinds) {
    for (let layer = 0; layer < kind.count; layer++, offset += kind.bytes) {
      if (kind.names !== null) tensors.push(tensorOf(kind, kind.names, header, layer, offset));
    }
  }
  return tensors;
}

function tensorOf(
  kind: Kind,
  [huggingFace, meta]: readonly [string, string],
  header: Llama2cHeader,
  layer: number,
  offset: number,
): StoredTensor {
  const { shape, bytes } = kind;
  const elements = shape.reduce((product, dimension) => product * dimension, 1);
  const place = { shape, elements, bytes, file: 0, offset };
  const numbered = (name: string): string => name.replace('.N.', `.${layer}.`);
  const extent: Extent = { file: 0, offset, bytes };
  if (header.version === 2) {
    const name = numbered(meta);
    if (!kind.quantized) return { ...place, name, dtype: 'F32' };
    return { ...place, name, dtype: 'INT8', storage: quantizedStorage(kind, extent, elements, header.groupSize) };
  }
  const tensor: StoredTensor = { ...place, name: numbered(huggingFace), dtype: 'F32' };
  return kind.rotatedHeads === 0 ? tensor : { ...tensor, storage: halvesStorage(kind, extent) };
}

/**
 * llama2.c rotates neighbouring rows of a head, as Meta does; Hugging Face keeps the two halves of the pairs apart:
 * its row j · d/2 + i is the file's row 2i + j. The names are Hugging Face's, so is the order of rows.
 */
function halvesStorage({ shape: [rows = 0, columns = 0], rotatedHeads }: Kind, extent: Extent): TensorStorage {
  const headRows = rows / rotatedHeads;
  return {
    kind: 'strided',
    extent,
    dtype: 'F32',
    start: 0,
    shape: [rotatedHeads, 2, headRows / 2, columns],
    strides: [headRows * columns, columns, 2 * columns, 1],
  };
}

/** `quantize_q80` of export.py: w = q · s, a scale for so many consecutive weights, even across rows. */
function quantizedStorage(kind: Kind, extent: Extent, elements: number, groupSize: number): TensorStorage {
  const width = kind.shape.at(-1) ?? 1;
  // Groups that cross rows become rows of their own.
  const columns = width % groupSize === 0 ? width : groupSize;
  const rows = elements / columns;
  const groups = columns / groupSize;
  const scales: Extent = { ...extent, offset: extent.offset + elements, bytes: extent.bytes - elements };
  return {
    kind: 'packed',
    scheme: `llama2.c Q8_0, 8 bit, groups of ${groupSize}`,
    rows,
    columns,
    codes: {
      extent: { ...extent, bytes: elements },
      rows,
      columns,
      bits: 8,
      wordBytes: 1,
      streams: 'rows',
      streamStride: columns,
      wordStride: 1,
      packing: 'dense',
    },
    values: 'signed',
    factors: [
      {
        matrix: {
          kind: 'plain',
          extent: scales,
          dtype: 'F32',
          rows,
          columns: groups,
          rowStride: groups,
          columnStride: 1,
        },
        rowGroup: 1,
        columnGroup: groupSize,
      },
    ],
  };
}
