// ONNX has no magic number: a file that begins with fields of ModelProto, in their wire types, is one.

import type { Sniff } from '../format.ts';

const VARINT = 0;
const BYTES = 2;
/** onnx.proto, ModelProto: wire type of every field. */
const WIRE_OF_FIELD: Readonly<Record<number, number>> = {
  1: VARINT, // ir_version
  2: BYTES, // producer_name
  3: BYTES, // producer_version
  4: BYTES, // domain
  5: VARINT, // model_version
  6: BYTES, // doc_string
  7: BYTES, // graph
  8: BYTES, // opset_import
  14: BYTES, // metadata_props
  20: BYTES, // training_info
  25: BYTES, // functions
  26: BYTES, // configuration
};
const IR_VERSION = 1;
/** Version 14 came in 2026; a few bytes more leave room for twenty years. */
const MAX_IR_VERSION = 64;

/** 'surely' when there is a plausible version and another field, 'maybe' for fields without a version. */
export function looksLikeModel(head: Uint8Array, sizeBytes: number): Sniff {
  let at = 0;
  let fields = 0;
  let versioned = false;
  const varint = (): number => {
    let value = 0;
    for (let index = 0; index < 10 && at < head.length; index++) {
      const byte = head[at++] ?? 0;
      value += (byte & 0x7f) * 2 ** (7 * index);
      if (byte < 0x80) return value;
    }
    return Number.NaN;
  };
  while (at < head.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    if (WIRE_OF_FIELD[number] !== tag % 8) {
      // A tag cut off by the end of the head tells nothing.
      if (Number.isNaN(tag) && fields > 0) break;
      return 'no';
    }
    const value = varint();
    if (Number.isNaN(value)) break;
    if (number === IR_VERSION) {
      if (value < 1 || value > MAX_IR_VERSION) return 'no';
      versioned = true;
    }
    if (tag % 8 === BYTES) {
      if (value > sizeBytes - at) return fields > 1 ? 'maybe' : 'no';
      at += value;
    }
    fields++;
  }
  if (fields === 0) return 'no';
  return versioned && fields > 1 ? 'surely' : 'maybe';
}
