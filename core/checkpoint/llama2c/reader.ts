// Models of karpathy/llama2.c (`.bin`): told from any other file by sizes that tie to the byte.

import { createHash } from 'node:crypto';
import { isQuantscopeError, QuantscopeError } from '../../base/errors.ts';
import { MAX_TENSORS } from '../../base/limits.ts';
import { type ByteSource, openByteSource } from '../../io/byteSource.ts';
import { NO_CONFIG } from '../config.ts';
import { type FormatReader, HEAD_BYTES } from '../format.ts';
import { hasMagic, type Llama2cHeader, parseLlama2cHeader } from './header.ts';
import { type Kind, llama2cBytes, llama2cKinds, llama2cTensors } from './tensors.ts';

export const llama2cReader: FormatReader = {
  format: 'llama2c',
  // All are named .bin, which says nothing: only content tells.
  extensions: [],
  sniff(head, source) {
    try {
      checkModel(head, source);
      return 'surely';
    } catch (error) {
      if (!isQuantscopeError(error)) throw error;
      return hasMagic(head) ? 'maybe' : 'no';
    }
  },
  choose: () => null,
  async readConfig([path]) {
    if (path === undefined) return NO_CONFIG;
    await using source = await openByteSource(path);
    const head = await headOf(source);
    const { header } = checkModel(head, source);
    return { config: configOf(header), warnings: [], bytesRead: source.bytesRead };
  },
  async read([path], signal) {
    if (path === undefined) throw new QuantscopeError('INTERNAL', 'no llama2.c file was named');
    await using source = await openByteSource(path, signal);
    const head = await headOf(source);
    const { header, kinds } = checkModel(head, source);
    const { headerBytes, version, groupSize, context, heads, keyValueHeads } = header;
    return {
      files: [{ path, sizeBytes: source.sizeBytes, modifiedMs: source.modifiedMs }],
      headerDigests: [createHash('sha256').update(head.subarray(0, headerBytes)).digest()],
      metadata: {
        version,
        heads,
        key_value_heads: keyValueHeads,
        context_length: context,
        ...(version === 2 ? { group_size: groupSize } : {}),
      },
      tensors: llama2cTensors(header, kinds),
      warnings: [],
      bytesRead: source.bytesRead,
    };
  },
};

function headOf(source: ByteSource): Promise<Uint8Array> {
  return source.read(0, Math.min(source.sizeBytes, HEAD_BYTES));
}

/** @throws what parseLlama2cHeader throws, PACKING_INVALID, TENSOR_OVERRUN, TENSOR_GAP, COUNT_LIMIT */
function checkModel(head: Uint8Array, { name, sizeBytes }: ByteSource): { header: Llama2cHeader; kinds: Kind[] } {
  const header = parseLlama2cHeader(head, name);
  const kinds = llama2cKinds(header);
  if (!kinds.every(({ bytes }) => Number.isInteger(bytes))) {
    const fact = `${header.width} columns are no whole number of groups of ${header.groupSize}`;
    throw new QuantscopeError('PACKING_INVALID', `${name}: ${fact}`);
  }
  const expected = llama2cBytes(header, kinds);
  if (expected !== sizeBytes) {
    const fact = `a llama2.c model of these sizes has ${expected} bytes, the file ${sizeBytes}`;
    throw new QuantscopeError(expected > sizeBytes ? 'TENSOR_OVERRUN' : 'TENSOR_GAP', `${name}: ${fact}`);
  }
  const tensors = kinds.reduce((total, { count, names }) => total + (names === null ? 0 : count), 0);
  if (tensors > MAX_TENSORS) {
    throw new QuantscopeError('COUNT_LIMIT', `${name}: ${tensors} tensors, limit ${MAX_TENSORS}`);
  }
  return { header, kinds };
}

/**
 * As config.json would tell it; epsilon and base are run.c's constants. Version 2 keeps the rows of queries and keys in
 * an order that goes with Meta's names, and no configuration of Hugging Face's fits that.
 */
function configOf(header: Llama2cHeader): Readonly<Record<string, unknown>> | null {
  if (header.version === 2) return null;
  return {
    model_type: 'llama',
    architectures: ['LlamaForCausalLM'],
    hidden_size: header.width,
    intermediate_size: header.feedForward,
    num_hidden_layers: header.layers,
    num_attention_heads: header.heads,
    num_key_value_heads: header.keyValueHeads,
    vocab_size: header.vocabulary,
    max_position_embeddings: header.context,
    tie_word_embeddings: header.sharedOutput,
    rms_norm_eps: 1e-5,
    rope_theta: 10_000,
  };
}
