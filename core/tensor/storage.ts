// How a tensor's elements lie in its files when they do not simply follow each other: plain data, fit for worker threads.
// Readers of formats write these descriptions; core/decode alone turns them into numbers.

import type { DType } from './dtype.ts';

/** A range of bytes of one of the checkpoint's files. */
export interface Extent {
  /** Index into `Checkpoint.files`. */
  readonly file: number;
  /** Absolute byte offset of the first stored byte. */
  readonly offset: number;
  /** Bytes, after inflation. */
  readonly bytes: number;
  /** Present when the file holds a raw DEFLATE stream (RFC 1951): its compressed length in bytes. */
  readonly deflated?: number;
}

export type TensorStorage = StridedStorage | PackedStorage | InlineNumbers;

/** Numbers of one dtype placed by strides: views, transposes, Fortran order, foreign byte order, deflated entries. */
export interface StridedStorage {
  readonly kind: 'strided';
  readonly extent: Extent;
  /** A plain dtype; a block type only when row-major. */
  readonly dtype: DType;
  readonly bigEndian?: boolean;
  /** Position in the extent, in elements, of the tensor's first element. */
  readonly start: number;
  readonly shape: readonly number[];
  /** In elements, one per dimension; ≥ 0. */
  readonly strides: readonly number[];
  /**
   * What lies in the extent are sums over so many samples, one count per row or one for all (1 × 1): the tensor holds
   * their means. A row without samples is 1 throughout, as llama-quantize takes it.
   */
  readonly counts?: PlainMatrix | InlineNumbers;
}

/** Codes of a few bits with scales: everything quantizers write. */
export interface PackedStorage extends PackedMatrix {
  /** For people: method, bits, groups: "GPTQ, 4 bit, groups of 128, act-order". */
  readonly scheme: string;
}

export type Matrix = PlainMatrix | PackedMatrix | InlineNumbers;

/** Numbers decoded with the header, row-major: their file has no fixed width for them (varints, text). A few only. */
export interface InlineNumbers {
  readonly kind: 'inline';
  readonly rows: number;
  readonly columns: number;
  readonly values: Float32Array;
}

/** rows × columns stored numbers; strides in elements. */
export interface PlainMatrix {
  readonly kind: 'plain';
  readonly extent: Extent;
  readonly dtype: DType;
  readonly bigEndian?: boolean;
  readonly rows: number;
  readonly columns: number;
  readonly rowStride: number;
  readonly columnStride: number;
}

/**
 * value(r, c) = (values[code(r, c)] − zero(r, c)) · constant · Π factors(r, c) + bias(r, c).
 * As a tensor, its row-major order is the tensor's; its columns may be fewer (blocks of a flattened tensor).
 */
export interface PackedMatrix {
  readonly kind: 'packed';
  readonly rows: number;
  readonly columns: number;
  readonly codes: CodeMatrix;
  readonly values: CodeValues;
  readonly zero?: number | Grouped;
  /** Added to what `zero` holds (GPTQ v1 stores z − 1). */
  readonly zeroOffset?: number;
  /** 1 when left out. */
  readonly constant?: number;
  readonly factors: readonly Grouped[];
  readonly bias?: number | Grouped;
  /** I32 group of each column, in place of ⌊c / columnGroup⌋ wherever a `Grouped` has no group size for columns. */
  readonly columnGroups?: Extent;
}

/** Element (r, c) takes `matrix`[⌊r / rowGroup⌋][⌊c / columnGroup⌋]. */
export interface Grouped {
  readonly matrix: Matrix;
  /** Infinity: one for all rows. */
  readonly rowGroup: number;
  /** Infinity: one for all columns; 'listed': by `columnGroups`. */
  readonly columnGroup: number | 'listed';
  /** Divide by it instead of multiplying. */
  readonly divide?: boolean;
}

/** What a code stands for: itself, two's complement, a small float, or an entry of a table. */
export type CodeValues =
  | 'unsigned'
  | 'signed'
  | 'F8_E4M3'
  | 'F8_E5M2'
  /** FP4: sign, 2 exponent bits, 1 mantissa bit: 0, ½, 1, 1½, 2, 3, 4, 6. */
  | 'E2M1'
  /** 2^bits F32 in the file. */
  | { readonly table: Extent }
  | { readonly numbers: readonly number[] };

/**
 * rows × columns codes of 1 to 8 bits in little-endian words. Every row (or every column) is a stream of codes; word w
 * of stream s is the stored word s · streamStride + w · wordStride.
 */
export interface CodeMatrix {
  readonly extent: Extent;
  readonly rows: number;
  readonly columns: number;
  readonly bits: number;
  readonly wordBytes: 1 | 4;
  readonly streams: 'rows' | 'columns';
  readonly streamStride: number;
  readonly wordStride: number;
  /**
   * dense: code p occupies bits p·b … p·b + b − 1 of the stream, across word borders, least significant first.
   * slots: ⌊word bits / b⌋ whole codes a word; code p in word ⌊p / n⌋, slot p mod n.
   * spread: as slots, with code p in word p mod W, slot ⌊p / W⌋, for W = `words`.
   */
  readonly packing: 'dense' | 'slots' | 'spread';
  /** Slot → its place counted from the least significant bits; the identity when left out. */
  readonly order?: readonly number[];
  /** Words of a stream; only `spread` needs it. */
  readonly words?: number;
}

/** Everything a worker thread needs to read a tensor: rows × columns as the quantizers see it. */
export interface TensorSource {
  readonly path: string;
  readonly dtype: DType;
  /** Of the first stored byte, where the tensor is plain. */
  readonly offset: number;
  readonly rows: number;
  readonly columns: number;
  readonly storage?: TensorStorage;
  /** Paths of the files `storage` names. */
  readonly files?: Readonly<Record<number, string>>;
}
