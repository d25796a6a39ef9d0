// The one table of messages: calls the engine answers, calls the extension host answers, events they send.

import * as z from 'zod';
import {
  ACTIVATION_STATISTICS,
  zActivationMap,
  zActivations,
  zCalibration,
  zPlanMeasure,
  zRival,
  zRunCost,
  zRunSettings,
  zScoreId,
  zScoreMethod,
  zScoreRow,
  zTokenMap,
} from './calibration.ts';
import { JOB_CALLS } from './jobCalls.ts';
import { zLauncherName } from './jobs.ts';
import {
  zCheck,
  zExportFormat,
  zExportResult,
  zFloat32Array,
  zModelId,
  zModelSummary,
  zProfile,
  zProvenance,
  zRoundingMethod,
  zSensitivityRow,
  zStatisticsRow,
  zTarget,
  zTensorIndex,
  zTensorTable,
  zTile,
  zVerifyReport,
} from './objects.ts';
import { zLandmark, zParetoPoint, zPlan, zPlanRequest, zPreview, zSolved } from './plan.ts';

export const PROTOCOL_VERSION = 1;
/** A heatmap never asks for more cells a side than a screen can show. */
export const MAX_TILE_SIDE = 2048;

const none = z.object({});
const byModel = z.object({ model: zModelId });
/** Codes are chosen ahead, by the text of the calibration in use. */
const rounding = { rounding: zRoundingMethod.optional() };
const scanResult = z.object({ tensors: z.int(), cached: z.int(), seconds: z.number(), provenance: zProvenance });
const side = z.int().min(1).max(MAX_TILE_SIDE);

/** Answered by the engine; every one can be cancelled. */
export const ENGINE_CALLS = {
  handshake: { params: z.object({ protocol: z.int() }), result: z.object({ protocol: z.int(), version: z.string() }) },
  open: { params: z.object({ path: z.string() }), result: zModelSummary },
  close: { params: byModel, result: none },
  tensors: { params: byModel, result: zTensorTable },
  /** Scans every tensor (or the named ones); rows arrive as `statistics` events, from the cache first. */
  statistics: { params: byModel.extend({ tensors: z.array(zTensorIndex).optional() }), result: scanResult },
  profile: { params: byModel.extend({ tensor: zTensorIndex }), result: zProfile },
  /** rows and columns: half-open windows of the matrix view. */
  tile: {
    params: byModel.extend({
      tensor: zTensorIndex,
      rows: z.tuple([z.int(), z.int()]),
      columns: z.tuple([z.int(), z.int()]),
      width: side,
      height: side,
    }),
    result: zTile,
  },
  /** Values of one row or column, for the channel profile. */
  channel: {
    params: byModel.extend({ tensor: zTensorIndex, axis: z.enum(['row', 'column']), index: z.int().nonnegative() }),
    result: z.object({ values: zFloat32Array }),
  },
  /** Damage of every target type for every quantizable tensor; rows arrive as `sensitivity` events. */
  sensitivity: { params: byModel, result: scanResult },
  /** Needs sensitivity first. */
  solve: { params: byModel.extend({ request: zPlanRequest }), result: zSolved },
  /** The same optimum without names and reasons, for following a drag. */
  preview: { params: byModel.extend({ request: zPlanRequest }), result: zPreview },
  pareto: {
    params: byModel.extend({ request: zPlanRequest }),
    result: z.object({
      points: z.array(zParetoPoint),
      landmarks: z.array(zLandmark),
      /** What no plan can beat, were types continuous (reverse water-filling). */
      bound: z.array(zParetoPoint).optional(),
      /** What the bound takes for granted, for people. */
      boundBasis: z.string().optional(),
    }),
  },
  preflight: {
    params: byModel.extend({ plan: zPlan, format: zExportFormat, output: z.string(), ...rounding }),
    result: z.object({ checks: z.array(zCheck), ok: z.boolean(), bytes: z.number() }),
  },
  export: {
    params: byModel.extend({
      plan: zPlan,
      format: zExportFormat,
      output: z.string(),
      overwrite: z.boolean(),
      ...rounding,
    }),
    result: zExportResult,
  },
  /** What running the model on this text would take. */
  runCost: { params: byModel.extend({ settings: zRunSettings }), result: zRunCost },
  /** Runs the model: activation statistics and importance, kept on disk; goes on where a cancelled run stopped. */
  calibrate: { params: byModel.extend({ settings: zRunSettings }), result: zCalibration },
  /** The calibration in use: the last one run or imported for this file; null before that. */
  calibration: { params: byModel, result: z.object({ calibration: zCalibration.nullable() }) },
  importImatrix: { params: byModel.extend({ path: z.string() }), result: zCalibration },
  exportImatrix: {
    params: byModel.extend({ output: z.string(), overwrite: z.boolean() }),
    result: z.object({ output: z.string(), bytes: z.number() }),
  },
  /** These three need a measured calibration. */
  activations: { params: byModel, result: zActivations },
  activationMap: {
    params: byModel.extend({ tap: z.string(), statistic: z.enum(ACTIVATION_STATISTICS), width: side }),
    result: zActivationMap,
  },
  tokenMap: {
    params: byModel.extend({
      prompt: z.string().min(1).max(20_000),
      layer: z.int().nonnegative(),
      tap: z.string(),
      width: side,
    }),
    result: zTokenMap,
  },
  scoreMethods: {
    params: byModel.extend({ settings: zRunSettings }),
    result: z.object({ methods: z.array(zScoreMethod) }),
  },
  /** Measures a score of every tensor, or reads it; rows arrive as `scores` events. */
  score: { params: byModel.extend({ score: zScoreId, settings: zRunSettings }), result: scanResult },
  /** Plans everyone knows, near the request's size: uniform types and llama.cpp's mixes. */
  rivals: { params: byModel.extend({ request: zPlanRequest }), result: z.object({ rivals: z.array(zRival) }) },
  /**
   * Runs the model as the plans would leave it and compares its predictions with the original's. Each plan arrives as a
   * `measured` event once it is there, and is kept: a cancelled call, made again, goes on with the next one.
   */
  measurePlans: {
    params: byModel.extend({
      plans: z.array(zRival).min(1).max(16),
      settings: zRunSettings,
      /** Comes back with the events. */
      run: z.int().nonnegative().optional(),
    }),
    result: z.object({ measures: z.array(zPlanMeasure) }),
  },
  verify: { params: z.object({ original: z.string(), exported: z.string() }), result: zVerifyReport },
  ...JOB_CALLS,
} as const;

/** Sent by the engine while a call runs. */
export const EVENTS = {
  progress: z.object({
    model: zModelId.nullable(),
    task: z.enum(['statistics', 'sensitivity', 'export', 'verify', 'evaluation', 'calibration']),
    done: z.number(),
    total: z.number(),
    /** What is being worked on right now. */
    message: z.string(),
    secondsLeft: z.number().nullable(),
  }),
  statistics: z.object({ model: zModelId, rows: z.array(zStatisticsRow) }),
  sensitivity: z.object({ model: zModelId, rows: z.array(zSensitivityRow) }),
  scores: z.object({ model: zModelId, score: zScoreId, rows: z.array(zScoreRow) }),
  /** A plan of a `measurePlans` call, by its place in it. */
  measured: z.object({ model: zModelId, run: z.int(), plan: z.int().nonnegative(), measure: zPlanMeasure }),
  /** A file behind the model changed on disk; numbers shown are stale. */
  changed: z.object({ model: zModelId, message: z.string() }),
} as const;

/** Answered by the extension host for a webview. */
export const HOST_CALLS = {
  /** First call of a webview: which model it shows, and the view state it last saved. */
  ready: {
    params: none,
    result: z.object({
      path: z.string(),
      protocol: z.int(),
      state: z.string().nullable(),
      /** The user's settings for a new plan. */
      defaults: z.object({ targetBitsPerWeight: z.number(), choices: z.array(zTarget).min(1) }).optional(),
    }),
  },
  /** Kept across reloads, per model path. */
  saveState: { params: z.object({ state: z.string().max(1_000_000) }), result: none },
  /** A save dialog for an export or an importance matrix; null when dismissed. */
  pickOutput: {
    params: z.object({ format: z.enum([...zExportFormat.options, 'imatrix']), suggestedName: z.string() }),
    result: z.object({ path: z.string().nullable() }),
  },
  /** Writes `*.quantplan.json` where the user says and opens it beside. */
  savePlan: {
    params: z.object({ plan: zPlan, suggestedName: z.string() }),
    result: z.object({ path: z.string().nullable() }),
  },
  /** An open dialog for a text or an importance matrix; null when dismissed. */
  pickFile: {
    params: z.object({ kind: z.enum(['text', 'imatrix']) }),
    result: z.object({ path: z.string().nullable() }),
  },
  /** Asks for a folder, makes a job of the plan there and has it started; null when dismissed. */
  runJob: {
    params: z.object({
      plan: zPlan,
      format: zExportFormat,
      launcher: zLauncherName,
      suggestedName: z.string(),
      ...rounding,
    }),
    result: z.object({ folder: z.string().nullable() }),
  },
  openModel: { params: z.object({ path: z.string() }), result: none },
  revealFile: { params: z.object({ path: z.string() }), result: none },
  /** Lets the user choose another editor (text, hex) for the file of this view, in its place. */
  reopenWith: { params: none, result: none },
} as const;

/** Sent by the extension host to a webview on top of forwarded engine events. */
export const HOST_EVENTS = {
  /** The engine ended and was restarted; everything must be asked again. */
  engineRestarted: z.object({ message: z.string() }),
  /** Commands and tree clicks steer the view. */
  show: z.object({ view: z.string(), tensor: zTensorIndex.nullable() }),
} as const;

export const WEBVIEW_CALLS = { ...ENGINE_CALLS, ...HOST_CALLS } as const;
export const WEBVIEW_EVENTS = { ...EVENTS, ...HOST_EVENTS } as const;

export type EngineCall = keyof typeof ENGINE_CALLS;
export type HostCall = keyof typeof HOST_CALLS;
export type WebviewCall = keyof typeof WEBVIEW_CALLS;
export type EventName = keyof typeof EVENTS;
export type WebviewEventName = keyof typeof WEBVIEW_EVENTS;
export type Params<C extends WebviewCall> = z.infer<(typeof WEBVIEW_CALLS)[C]['params']>;
export type Result<C extends WebviewCall> = z.infer<(typeof WEBVIEW_CALLS)[C]['result']>;
export type Event<E extends WebviewEventName> = z.infer<(typeof WEBVIEW_EVENTS)[E]>;
