// Objects that cross process borders: engine ↔ extension ↔ webview ↔ `--json`. Validated on both sides.

import * as z from 'zod';
import { CHECKPOINT_FORMATS } from '../base/checkpointFormats.ts';
import { ERROR_CODES } from '../base/errors.ts';
import { ROLES } from '../model/places.ts';
import { GGUF_TARGETS } from '../quant/ggufTypes.ts';
import { ROUNDINGS } from '../quant/rounding/rounding.ts';
import { DTYPE_NAMES, type DType } from '../tensor/dtype.ts';
import { UNSPEAKABLE_FIGURES } from './figures.ts';

export const zDType = z.enum(DTYPE_NAMES as readonly [DType, ...DType[]]);
export const zTarget = z.enum(GGUF_TARGETS);
export const zRole = z.enum(ROLES);
export const zModelId = z.int().nonnegative();
export const zTensorIndex = z.int().nonnegative();
/** A float that may be NaN or infinite, as figures of hostile tensors are; see figures.ts for how those cross JSON. */
export const zFigure = z.union([
  z.custom<number>((value) => typeof value === 'number', 'expected a number'),
  z.enum(UNSPEAKABLE_FIGURES).transform(Number),
]);
export const zFloat32Array = z.instanceof(Float32Array);
export const zFloat64Array = z.instanceof(Float64Array);
export const zUint32Array = z.instanceof(Uint32Array);

export const zFailure = z.object({ code: z.enum(ERROR_CODES), message: z.string() });

/** One model, headers only. */
export const zModelSummary = z.object({
  model: zModelId,
  path: z.string(),
  name: z.string(),
  format: z.enum(CHECKPOINT_FORMATS),
  architecture: z.string().nullable(),
  layers: z.int(),
  files: z.int(),
  tensorCount: z.int(),
  parameters: z.number(),
  /** Tensor data only; `fileBytes` counts whole files. */
  bytes: z.number(),
  fileBytes: z.number(),
  bitsPerWeight: z.number(),
  dtypes: z.array(z.object({ dtype: zDType, tensors: z.int(), parameters: z.number(), bytes: z.number() })),
  roles: z.array(z.object({ role: zRole, tensors: z.int(), parameters: z.number(), bytes: z.number() })),
  /** First entries, values shortened for display. */
  metadata: z.array(z.object({ key: z.string(), value: z.string() })),
  metadataCount: z.int(),
  warnings: z.array(z.string()),
  /** Files beside the weights that belong to the model. */
  companions: z.array(z.object({ name: z.string(), kind: z.string(), note: z.string() })),
  /** Present for importance matrices, which are looked at and never quantized. */
  imatrix: z
    .object({ datasets: z.array(z.string()), chunks: z.number().nullable(), chunkTokens: z.number().nullable() })
    .nullable(),
  fingerprint: z.string(),
  bytesRead: z.number(),
  openMs: z.number(),
  /** Why GGUF export is impossible, or null when it is possible. */
  ggufBlocker: z.string().nullable(),
});

/** Checked where it is: tensors of one shape share one array across the border, and copies would not. */
const zShape = z.custom<readonly number[]>(
  (value) => Array.isArray(value) && value.every((dimension) => typeof dimension === 'number'),
);

/** Columnar, so that 100,000 tensors cross a process border and zod in milliseconds. Index = tensor index. */
export const zTensorTable = z.object({
  names: z.array(z.string()),
  dtypes: z.array(zDType),
  shapes: z.array(zShape),
  elements: zFloat64Array,
  bytes: zFloat64Array,
  /** −1 outside layers. */
  layers: z.instanceof(Int32Array),
  roles: z.array(zRole),
  stacks: z.array(z.string()),
  modules: z.array(z.string()),
  /** How packed tensors hold their values ("GPTQ, 4 bit, groups of 128"); empty for plain ones. */
  schemes: z.array(z.string()),
  /** 1 where a plan may choose a type. */
  quantizable: z.instanceof(Uint8Array),
});

export const zStatistics = z.object({
  count: z.number(),
  min: zFigure,
  max: zFigure,
  mean: zFigure,
  std: zFigure,
  absMax: zFigure,
  rms: zFigure,
  kurtosis: zFigure,
  maxToMeanRatio: zFigure,
  outlierFraction3: zFigure,
  outlierFraction6: zFigure,
  zeros: z.number(),
  nan: z.number(),
  inf: z.number(),
  layerOutlierDistribution: z.tuple([zFigure, zFigure, zFigure, zFigure]),
});

/** Where and how a number came to be; shown beside it. */
export const zProvenance = z.object({
  kind: z.enum(['measured', 'estimated']),
  method: z.string(),
  at: z.string(),
  fingerprint: z.string(),
});

export const zStatisticsRow = z.object({ tensor: zTensorIndex, statistics: zStatistics });

export const zProfile = z.object({
  tensor: zTensorIndex,
  histogram: zFloat64Array,
  rowAbsMax: zFloat32Array,
  rowKurtosis: zFloat32Array,
  columnAbsMax: zFloat32Array,
  columnKurtosis: zFloat32Array,
});

/** Down-sampled window of a tensor that keeps, per cell, the element of largest magnitude. */
export const zTile = z.object({
  tensor: zTensorIndex,
  rows: z.tuple([z.int(), z.int()]),
  columns: z.tuple([z.int(), z.int()]),
  width: z.int(),
  height: z.int(),
  /** Signed value of the extreme element per cell, row-major height × width; NaN when a cell holds a NaN. */
  values: zFloat32Array,
  /** Its exact row and column in the tensor. */
  extremeRows: zUint32Array,
  extremeColumns: zUint32Array,
});

/** Damage of one stored type for one tensor. */
export const zDamage = z.object({
  type: zTarget,
  /** The type really stored: differs where rows do not divide into blocks. */
  stored: zTarget,
  bytes: z.number(),
  /** ‖W − Ŵ‖² / ‖W‖². */
  relativeError: zFigure,
  /** 10·log10(1 / relativeError), dB. */
  sqnr: zFigure,
});

export const zSensitivityRow = z.object({
  tensor: zTensorIndex,
  damages: z.array(zDamage),
  /** Nats of KL divergence per unit of relative error, measured on the running model; absent before that. */
  weight: zFigure.optional(),
  /** Present where the damage is estimated from some of the tensor's rows: `rows` of `of`. */
  sample: z.object({ rows: z.int(), of: z.int() }).optional(),
});

export const zExportFormat = z.enum(['gguf', 'safetensors']);

export const zVerifyTensor = z.object({
  name: z.string(),
  exportedName: z.string(),
  status: z.enum(['same', 'close', 'missing', 'extra', 'shape']),
  originalDtype: zDType.nullable(),
  exportedDtype: zDType.nullable(),
  sqnr: zFigure,
  maxError: zFigure,
});

export const zVerifyReport = z.object({
  original: z.string(),
  exported: z.string(),
  tensors: z.array(zVerifyTensor),
  compared: z.int(),
  identical: z.int(),
  renamed: z.int(),
  missing: z.array(z.string()),
  extra: z.array(z.string()),
  worstSqnr: zFigure,
  meanSqnr: zFigure,
  ok: z.boolean(),
});

export const zRoundingMethod = z.enum(ROUNDINGS);

/** How codes were chosen, on what text, in how many tensors; and which were quantized as ever, and why. */
export const zRoundingFacts = z.object({
  method: zRoundingMethod,
  dataset: z.string(),
  chunks: z.int(),
  tensors: z.int(),
  others: z.array(z.object({ name: z.string(), reason: z.string() })).readonly(),
});

export const zExportResult = z.object({
  output: z.string(),
  bytes: z.number(),
  bitsPerWeight: z.number(),
  seconds: z.number(),
  verify: zVerifyReport,
  /** Where codes were not chosen by their types' own quantizers alone. */
  rounding: zRoundingFacts.optional(),
});

export const zCheck = z.object({
  name: z.string(),
  ok: z.boolean(),
  /** Cause and fix when not ok; the fact when ok. */
  message: z.string(),
  /** What the export would fail with; null when ok. */
  code: z.enum(ERROR_CODES).nullable(),
});

export type ModelSummary = z.infer<typeof zModelSummary>;
export type TensorTable = z.infer<typeof zTensorTable>;
export type StatisticsRow = z.infer<typeof zStatisticsRow>;
export type Provenance = z.infer<typeof zProvenance>;
export type Profile = z.infer<typeof zProfile>;
export type Tile = z.infer<typeof zTile>;
export type Damage = z.infer<typeof zDamage>;
export type SensitivityRow = z.infer<typeof zSensitivityRow>;
export type ExportFormat = z.infer<typeof zExportFormat>;
export type VerifyReport = z.infer<typeof zVerifyReport>;
export type VerifyTensor = z.infer<typeof zVerifyTensor>;
export type ExportResult = z.infer<typeof zExportResult>;
export type Check = z.infer<typeof zCheck>;
export type RoundingMethod = z.infer<typeof zRoundingMethod>;
