// Every element type a checkpoint can store: plain numbers and GGUF blocks, in one table.

/** `packed`: codes of some bits whose scales lie elsewhere; see storage.ts. */
export type DTypeKind = 'float' | 'integer' | 'boolean' | 'complex' | 'block' | 'packed';

export interface DTypeInfo {
  readonly kind: DTypeKind;
  /** Elements per block; 1 for plain numbers, 2 for two packed in a byte, 4 for FP6. */
  readonly blockElements: number;
  readonly blockBytes: number;
  /** The type's id in GGUF (ggml.h `enum ggml_type`), where it has one. */
  readonly ggml?: number;
}

const plain = (kind: DTypeKind, blockBytes: number, ggml?: number): DTypeInfo =>
  ggml === undefined ? { kind, blockElements: 1, blockBytes } : { kind, blockElements: 1, blockBytes, ggml };
const packed = (bits: number): DTypeInfo => ({ kind: 'packed', blockElements: 8, blockBytes: bits });
const block = (blockElements: number, blockBytes: number, ggml: number): DTypeInfo => ({
  kind: 'block',
  blockElements,
  blockBytes,
  ggml,
});

/** Sizes from ggml-common.h and the safetensors specification. */
export const DTYPES = {
  F64: plain('float', 8, 28),
  F32: plain('float', 4, 0),
  F16: plain('float', 2, 1),
  BF16: plain('float', 2, 30),
  F8_E4M3: plain('float', 1),
  F8_E5M2: plain('float', 1),
  F8_E8M0: plain('float', 1),
  F8_E4M3FNUZ: plain('float', 1),
  F8_E5M2FNUZ: plain('float', 1),
  F6_E2M3: { kind: 'float', blockElements: 4, blockBytes: 3 },
  F6_E3M2: { kind: 'float', blockElements: 4, blockBytes: 3 },
  F4: { kind: 'float', blockElements: 2, blockBytes: 1 },
  I64: plain('integer', 8, 27),
  I32: plain('integer', 4, 26),
  I16: plain('integer', 2, 25),
  I8: plain('integer', 1, 24),
  U64: plain('integer', 8),
  U32: plain('integer', 4),
  U16: plain('integer', 2),
  U8: plain('integer', 1),
  BOOL: plain('boolean', 1),
  C64: plain('complex', 8),
  C128: plain('complex', 16),
  Q4_0: block(32, 18, 2),
  Q4_1: block(32, 20, 3),
  Q5_0: block(32, 22, 6),
  Q5_1: block(32, 24, 7),
  Q8_0: block(32, 34, 8),
  Q8_1: block(32, 36, 9),
  Q2_K: block(256, 84, 10),
  Q3_K: block(256, 110, 11),
  Q4_K: block(256, 144, 12),
  Q5_K: block(256, 176, 13),
  Q6_K: block(256, 210, 14),
  Q8_K: block(256, 292, 15),
  IQ2_XXS: block(256, 66, 16),
  IQ2_XS: block(256, 74, 17),
  IQ3_XXS: block(256, 98, 18),
  IQ1_S: block(256, 50, 19),
  IQ4_NL: block(32, 18, 20),
  IQ3_S: block(256, 110, 21),
  IQ2_S: block(256, 82, 22),
  IQ4_XS: block(256, 136, 23),
  IQ1_M: block(256, 56, 29),
  TQ1_0: block(256, 54, 34),
  TQ2_0: block(256, 66, 35),
  MXFP4: block(32, 17, 39),
  NVFP4: block(64, 36, 40),
  Q1_0: block(128, 18, 41),
  Q2_0: block(64, 18, 42),
  // Packed codes by their bits; what their scales add is counted in the tensor's bytes.
  INT1: packed(1),
  INT2: packed(2),
  INT3: packed(3),
  INT4: packed(4),
  INT5: packed(5),
  INT6: packed(6),
  INT7: packed(7),
  INT8: packed(8),
  NF4: packed(4),
  FP4: packed(4),
  FP8: packed(8),
} as const satisfies Record<string, DTypeInfo>;

export type DType = keyof typeof DTYPES;

export const DTYPE_NAMES = Object.keys(DTYPES) as readonly DType[];

export function dtypeInfo(dtype: DType): DTypeInfo {
  return DTYPES[dtype];
}

export function isDType(name: string): name is DType {
  return Object.hasOwn(DTYPES, name);
}

/** Whether a safetensors file can hold the dtype: plain numbers of up to 8 bytes. */
export function isSafetensorsDType(dtype: DType): boolean {
  const { kind, blockBytes } = dtypeInfo(dtype);
  return kind !== 'block' && kind !== 'packed' && blockBytes <= 8;
}

const BY_GGML = new Map<number, DType>(
  DTYPE_NAMES.flatMap((name) => {
    const id = dtypeInfo(name).ggml;
    return id === undefined ? [] : [[id, name] as const];
  }),
);

/** The dtype of a GGUF tensor type id, or undefined for an unknown or retired id. */
export function dtypeOfGgml(id: number): DType | undefined {
  return BY_GGML.get(id);
}

export function bitsPerElement(dtype: DType): number {
  const { blockBytes, blockElements } = dtypeInfo(dtype);
  return (blockBytes * 8) / blockElements;
}

/** Stored bytes of `elements` elements; a whole number of blocks. */
export function storedBytes(dtype: DType, elements: number): number {
  const { blockBytes, blockElements } = dtypeInfo(dtype);
  return (elements / blockElements) * blockBytes;
}
