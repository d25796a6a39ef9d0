// What every export format offers, and what it is given.

import type { ErrorCode } from '../base/errors.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { Pool } from '../kernels/pool.ts';
import type { Check, ExportFormat, ExportResult } from '../protocol/objects.ts';
import type { Plan } from '../protocol/plan.ts';
import type { Importance } from '../quant/importance.ts';
import type { Rounding } from '../quant/rounding/rounding.ts';
import type { DType } from '../tensor/dtype.ts';

export interface ExportInput {
  readonly checkpoint: Checkpoint;
  readonly plan: Plan;
  readonly output: string;
  /** Weighs columns in the quantizers. */
  readonly importance?: Importance | undefined;
  /** Tensors whose codes were chosen ahead. */
  readonly rounding?: Rounding | undefined;
  /** Replace a file of that name; an input is never replaced. */
  readonly overwrite: boolean;
}

export interface ExportRun {
  readonly pool: Pool;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((doneBytes: number, totalBytes: number, message: string) => void) | undefined;
}

/** A check that can be thrown: the code it fails with. */
export interface ExportCheck extends Check {
  readonly code: ErrorCode;
}

/** Everything known about the file before its first byte is written. */
export interface ExportDraft {
  /** Exact size of the file. */
  readonly totalBytes: number;
  readonly head: Uint8Array;
  /** In file order; together with the head they fill the file. */
  readonly tensors: readonly DraftTensor[];
  readonly warnings: readonly string[];
}

export interface DraftTensor {
  readonly name: string;
  readonly source: TensorRows | Uint8Array;
  /** As it will stand in the file. */
  readonly type: DType;
  /** Without padding. */
  readonly bytes: number;
  /** Zero bytes written after it. */
  readonly paddingBytes: number;
}

/** Rows of a checkpoint's tensor on their way to another type. */
export interface TensorRows {
  /** Index in `Checkpoint.tensors`. */
  readonly tensor: number;
  readonly rows: number;
  readonly columns: number;
  /** Types to encode to in turn, decoding between: one for a real export, type then BF16 for a simulated one. */
  readonly steps: readonly DType[];
  /** Attention heads whose rows are interleaved; 0 = none. */
  readonly permutedHeads: number;
}

export interface Exporter {
  readonly format: ExportFormat;
  /** Usual end of a file name, with its dot. */
  readonly suffix: string;
  /** What this format alone needs to hold; nothing is written. */
  preflight(input: ExportInput): Promise<ExportCheck[]>;
  /** Lays the whole file out. @throws what the failing check says */
  draft(input: ExportInput): Promise<ExportDraft>;
}

export type { ExportResult };
