// What running a model on text gives: calibration, activations, sensitivity scores, measured plans.

import * as z from 'zod';
import { zFigure, zFloat32Array, zProvenance, zTensorIndex, zUint32Array } from './objects.ts';

/** Text the model is run on; JSONL files give their `text` (or `content`, or chat messages') field. */
export const zTextSource = z.discriminatedUnion('kind', [
  /** The small public text that comes with the product. */
  z.object({ kind: z.literal('sample') }),
  z.object({ kind: z.literal('file'), path: z.string().min(1) }),
]);

/** Shorter sequences say little: most of their tokens are predicted from next to nothing. */
export const MIN_CONTEXT = 8;
export const MAX_CONTEXT = 32_768;
export const MAX_SEQUENCES = 65_536;

export const zRunSettings = z.object({
  text: zTextSource,
  /** Tokens of a sequence. */
  context: z.int().min(MIN_CONTEXT).max(MAX_CONTEXT),
  sequences: z.int().min(1).max(MAX_SEQUENCES),
  /** Which sequences of the text are taken. */
  seed: z.int().nonnegative(),
});

/** Known before anything runs. */
export const zRunCost = z.object({
  /** Sequences and tokens that the text really gives. */
  sequences: z.int(),
  tokens: z.number(),
  /** Estimate from a timed block of this model on this machine. */
  seconds: z.number(),
  /** Largest block in float32, activations and results. */
  memoryBytes: z.number(),
  /** Where it runs: "CPU, 8 threads" or the adapter's name. */
  device: z.string(),
  /** Why it cannot run, or null. */
  blocker: z.string().nullable(),
});

/** A finished calibration: what it ran on, and whether it is still that of the file. */
export const zCalibration = z.object({
  /** Hash of model fingerprint, tokens and settings: the same run has the same id. */
  id: z.string(),
  /** Where the data came from: a file's name, "bundled sample", or an importance matrix. */
  source: z.string(),
  kind: z.enum(['measured', 'imported']),
  /** SHA-256 of the tokens that were run; empty for imported matrices. */
  dataHash: z.string(),
  settings: zRunSettings.nullable(),
  sequences: z.int(),
  tokens: z.number(),
  device: z.string(),
  /** Weights with measured input columns. */
  tensors: z.int(),
  /** False for imported matrices, which hold second moments alone. */
  activations: z.boolean(),
  /** True when the model's files changed since: results are shown as old and never used silently. */
  stale: z.boolean(),
  provenance: zProvenance,
});

/** One input of linear layers in one block, over all tokens and columns. */
export const zActivationRow = z.object({
  layer: z.int(),
  /** "attn_in", "o_in", "ffn_in", "down_in", … */
  tap: z.string(),
  columns: z.int(),
  /** Rows seen: tokens, or routed rows of an expert. */
  rows: z.number(),
  absMax: zFigure,
  mean: zFigure,
  std: zFigure,
  /** Excess kurtosis of all values. */
  kurtosis: zFigure,
  /** Largest |x| over mean |x|. */
  maxToMeanRatio: zFigure,
  /** Largest per-channel absMax over the median channel's. */
  channelRatio: zFigure,
});

/** One value far above all others of its hidden state (Sun et al. 2024, arXiv 2402.17762). */
export const zMassiveActivation = z.object({
  layer: z.int(),
  sequence: z.int(),
  position: z.int(),
  token: z.string(),
  channel: z.int(),
  value: zFigure,
  /** |value| over the median |value| of its layer. */
  ratio: zFigure,
});

/** Attention that positions receive, mean over queries and heads. */
export const zAttentionSink = z.object({ layer: z.int(), position: z.int(), token: z.string(), share: zFigure });

export const zActivations = z.object({
  taps: z.array(z.object({ tap: z.string(), modules: z.array(z.string()), columns: z.int() })),
  rows: z.array(zActivationRow),
  massive: z.array(zMassiveActivation),
  sinks: z.array(zAttentionSink),
  /** Rows routed to each expert, by layer; empty for dense models. */
  expertHits: z.array(z.object({ layer: z.int(), hits: z.array(z.number()) })),
  provenance: zProvenance,
});

export const ACTIVATION_STATISTICS = ['absMax', 'rms', 'std', 'mean', 'kurtosis'] as const;

/** Channel × layer of one tap, columns down-sampled so that the extreme stays: row-major layers × width. */
export const zActivationMap = z.object({
  tap: z.string(),
  statistic: z.enum(ACTIVATION_STATISTICS),
  layers: z.array(z.int()),
  columns: z.int(),
  width: z.int(),
  values: zFloat32Array,
  /** The channel each cell's value is of. */
  channels: zUint32Array,
});

/** Token × channel of one tap for a prompt: row-major tokens × width, signed extremes. */
export const zTokenMap = z.object({
  layer: z.int(),
  tap: z.string(),
  tokens: z.array(z.string()),
  columns: z.int(),
  width: z.int(),
  values: zFloat32Array,
  channels: zUint32Array,
});

export const zScoreId = z.enum([
  'weightError',
  'activationError',
  'hessianTrace',
  'gradientTimesError',
  'fisher',
  'blockOutputError',
  'measuredDivergence',
  'propagatedError',
]);

/** A way to tell how fragile tensors are. */
export const zScoreMethod = z.object({
  id: zScoreId,
  name: z.string(),
  formula: z.string(),
  /** Of `value`: "nats per unit of relative error", "share of ‖y‖²", … */
  unit: z.string(),
  needs: z.enum(['weights', 'calibration', 'text']),
  /** Estimated time to measure all tensors; 0 when known already. */
  seconds: z.number(),
  /** Tensors whose score is on disk. */
  known: z.int(),
  of: z.int(),
  /** Why it cannot be measured now ("run a calibration first"), or null. */
  blocker: z.string().nullable(),
  /** How far a plan may trust it: used as the weights of the allocation. */
  plans: z.boolean(),
});

export const zScoreRow = z.object({
  tensor: zTensorIndex,
  /** Damage of the probe type, or per unit of relative error; larger is more fragile. */
  value: zFigure,
  /** Standard error of `value` over tokens or sequences; NaN where there is none. */
  error: zFigure,
  /** Relative error of the hidden state after each later block (propagatedError). */
  curve: z.array(zFigure).optional(),
});

/** What a plan did to the predictions, measured without writing a file. */
export const zPlanMeasure = z.object({
  label: z.string(),
  bytes: z.number(),
  bitsPerWeight: z.number(),
  /** Damage the scores predicted, nats per token; NaN where they cannot say. */
  predicted: zFigure,
  divergence: z.object({ mean: zFigure, error: zFigure, p99: zFigure, p999: zFigure }),
  perplexity: zFigure,
  perplexityError: zFigure,
  originalPerplexity: zFigure,
  topAgreement: zFigure,
  topAgreementError: zFigure,
  tokens: z.int(),
  /** Estimate of generation speed from the bytes read per token; the basis is in `speedBasis`. */
  tokensPerSecond: zFigure,
  speedBasis: z.string(),
  provenance: zProvenance,
});

/** A plan to measure or to compare with. */
export const zRival = z.object({
  label: z.string(),
  bytes: z.number(),
  bitsPerWeight: z.number(),
  /** What every tensor of the table is stored in, as `typeCode` writes it. */
  code: z.string(),
});

export type TextSource = z.infer<typeof zTextSource>;
export type RunSettings = z.infer<typeof zRunSettings>;
export type RunCost = z.infer<typeof zRunCost>;
export type Calibration = z.infer<typeof zCalibration>;
export type Activations = z.infer<typeof zActivations>;
export type ActivationRow = z.infer<typeof zActivationRow>;
export type ActivationStatistic = (typeof ACTIVATION_STATISTICS)[number];
export type ActivationMap = z.infer<typeof zActivationMap>;
export type TokenMap = z.infer<typeof zTokenMap>;
export type ScoreId = z.infer<typeof zScoreId>;
export type ScoreMethod = z.infer<typeof zScoreMethod>;
export type ScoreRow = z.infer<typeof zScoreRow>;
export type PlanMeasure = z.infer<typeof zPlanMeasure>;
export type Rival = z.infer<typeof zRival>;
