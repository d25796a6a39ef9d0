// The header of a llama2.c model: seven numbers, in newer versions after a magic. karpathy/llama2.c, export.py, run.c, runq.c.

import { QuantscopeError } from '../../base/errors.ts';

/** "ak42" as a little-endian number. */
const MAGIC = 0x616b3432;
/** Versions 1 and 2 pad their header to it. */
const HEADER_BYTES = 256;
const LEGACY_HEADER_BYTES = 28;

export interface Llama2cHeader {
  /** 0: float32 without a magic; 1: float32; 2: int8 with a scale per group. */
  readonly version: 0 | 1 | 2;
  readonly width: number;
  readonly feedForward: number;
  readonly layers: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly vocabulary: number;
  readonly context: number;
  /** The output projection is the token embedding, and not stored. */
  readonly sharedOutput: boolean;
  /** Consecutive weights that share a scale; only version 2 has it. */
  readonly groupSize: number;
  readonly headerBytes: number;
}

export function hasMagic(head: Uint8Array): boolean {
  return head.length >= 4 && new DataView(head.buffer, head.byteOffset).getUint32(0, true) === MAGIC;
}

/**
 * @param head the file's first 256 bytes, or all of a shorter file
 * @throws FORMAT_UNKNOWN, VERSION_UNSUPPORTED, HEADER_TRUNCATED, HEADER_INVALID
 */
export function parseLlama2cHeader(head: Uint8Array, file: string): Llama2cHeader {
  const magic = hasMagic(head);
  const headerBytes = magic ? HEADER_BYTES : LEGACY_HEADER_BYTES;
  if (head.length < headerBytes) {
    const fact = `${head.length} bytes, the header alone takes ${headerBytes}`;
    throw new QuantscopeError('HEADER_TRUNCATED', `${file}: ${fact}`);
  }
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const version = magic ? view.getInt32(4, true) : 0;
  if (version !== 1 && version !== 2 && magic) {
    throw new QuantscopeError('VERSION_UNSUPPORTED', `${file}: llama2.c version ${version}, only 0, 1 and 2 are read`);
  }
  const first = magic ? 8 : 0;
  const number = (index: number): number => view.getInt32(first + index * 4, true);
  const signedVocabulary = number(5);
  const header: Llama2cHeader = {
    version: version === 1 || version === 2 ? version : 0,
    width: number(0),
    feedForward: number(1),
    layers: number(2),
    heads: number(3),
    keyValueHeads: number(4),
    // The legacy header tells a separate output projection by a negative size.
    vocabulary: magic ? signedVocabulary : Math.abs(signedVocabulary),
    context: number(6),
    sharedOutput: magic ? head[36] !== 0 : signedVocabulary > 0,
    groupSize: version === 2 ? view.getInt32(37, true) : 1,
    headerBytes,
  };
  const fact = contradiction(header);
  if (fact === null) return header;
  throw new QuantscopeError(magic ? 'HEADER_INVALID' : 'FORMAT_UNKNOWN', `${file}: no llama2.c model: ${fact}`);
}

function contradiction(header: Llama2cHeader): string | null {
  const { width, feedForward, layers, heads, keyValueHeads, vocabulary, context, groupSize } = header;
  const sizes = { width, feedForward, layers, heads, keyValueHeads, vocabulary, context, groupSize };
  for (const [name, size] of Object.entries(sizes)) if (size < 1) return `${name} is ${size}`;
  if (width % heads !== 0 || (width / heads) % 2 !== 0)
    return `${width} columns do not make ${heads} heads of even width`;
  return heads % keyValueHeads === 0 ? null : `${heads} heads do not share ${keyValueHeads} of keys and values`;
}
