// What every sensitivity score offers: what it means, what it costs, and a run that yields a value per tensor.

import type { Parts } from '../forward/blocks.ts';
import type { ScoreId, ScoreRow } from '../protocol/calibration.ts';
import type { GgufTarget } from '../quant/ggufTypes.ts';
import type { RoundTripSource } from './roundTrip.ts';
import type { Work } from './work.ts';

/** A model and its text, ready to run; the importance also shapes the probes. */
export interface TextRun extends RoundTripSource {
  readonly parts: Parts;
  /** Token ids, equally long. */
  readonly sequences: readonly Uint32Array[];
}

export interface ScoredTensor extends ScoreRow {
  /** What the tensor was quantized to. */
  readonly probe: GgufTarget;
  /** ‖W − Ŵ‖² / ‖W‖² of the probe. */
  readonly relativeError: number;
}

/** Scores that come from the same runs arrive together. */
export type ScoreRows = Readonly<Partial<Record<ScoreId, readonly ScoredTensor[]>>>;

export interface MeasureOptions {
  /** True for tensors whose score is there already: what only they need is not run. */
  readonly known: (tensor: number) => boolean;
  /** Receives each tensor once, some at a time; awaited, so that rows are saved before the next are measured. */
  readonly onRows: (rows: ScoreRows) => Promise<void>;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number, message: string) => void) | undefined;
}

interface Facts {
  readonly id: ScoreId;
  readonly name: string;
  /** W a weight, Ŵ its probe, x, y what goes into and comes out of where it is. */
  readonly formula: string;
  /** Of `value`. */
  readonly unit: string;
  /** How a plan's weights come from it; null where it says too little about predictions to plan by. */
  readonly plans: 'nats' | 'proportional' | null;
  /** Raise when the numbers change: older ones on disk are then never read. */
  readonly version: number;
}

/** Needs no running model. */
export interface WeightScore extends Facts {
  readonly needs: 'weights';
  /** Counted, not run. */
  work(source: RoundTripSource, known: MeasureOptions['known']): Work;
  /** @throws CANCELLED, FILE_TRUNCATED, FILE_UNREADABLE, FILE_NOT_FOUND */
  measure(source: RoundTripSource, options: MeasureOptions): Promise<void>;
}

/** Runs the model on a text. */
export interface TextScore extends Facts {
  readonly needs: 'text';
  /** True for scores of the likelihood of a text, which encoders do not have. */
  readonly causal: boolean;
  /** Counted, not run. */
  work(run: Pick<TextRun, 'parts' | 'sequences'>, known: MeasureOptions['known']): Work;
  /** @throws NON_FINITE, MEMORY_LIMIT, CANCELLED, TENSOR_NOT_FOUND, SHAPE_INVALID, FILE_TRUNCATED, FILE_UNREADABLE */
  measure(run: TextRun, options: MeasureOptions): Promise<void>;
}

export type Score = WeightScore | TextScore;
