// Everything the user arranged, in one serializable object: restored on reload, linked from the tree, testable.

import * as z from 'zod';
import { ACTIVATION_STATISTICS, type RunSettings, zRunSettings, zScoreId } from '../../core/protocol/calibration.ts';
import { zExportFormat, zRoundingMethod, zTarget, zTensorIndex } from '../../core/protocol/objects.ts';
import { zLock, zMinimum, zPin } from '../../core/protocol/plan.ts';
import { NOTHING_COMPARED, zComparison } from './keptPlans.ts';

/** Questions asked of weights. */
export const WEIGHT_LENSES = [
  'overview',
  'outliers',
  'kurtosis',
  'activations',
  'sensitivity',
  'allocation',
  'compare',
  'export',
] as const;
/** The one asked of an importance matrix, which holds no weights. */
export const IMPORTANCE_LENSES = ['importance'] as const;
export const LENSES = [...WEIGHT_LENSES, ...IMPORTANCE_LENSES] as const;
export type Lens = (typeof LENSES)[number];
export const SCALE_KINDS = ['linear', 'log', 'percentile'] as const;
export type ScaleKind = (typeof SCALE_KINDS)[number];

/** A context every model has, and a few seconds' work for small ones; the cost is shown before anything runs. */
const FIRST_RUN: RunSettings = { text: { kind: 'sample' }, context: 256, sequences: 32, seed: 0 };
/** Other sequences than a plan was calibrated on. */
const FIRST_EVALUATION: RunSettings = { ...FIRST_RUN, seed: 1 };

const zWindow = z.tuple([z.int().nonnegative(), z.int().nonnegative()]);

export const zViewState = z.object({
  version: z.literal(1),
  lens: z.enum(LENSES),
  /** Right column: what the lens says about the model, the selected tensor, or running the model on text. */
  inspector: z.enum(['model', 'tensor', 'calibration']),
  display: z.enum(['grid', 'table']),
  selected: zTensorIndex.nullable(),
  /** Multi-selection of the Allocation lens. */
  marked: z.array(zTensorIndex),
  /** Metric id per lens. */
  metrics: z.record(z.string(), z.string()),
  /** Scale override per metric id. */
  scales: z.record(z.string(), z.enum(SCALE_KINDS)),
  /** Cells at or above it are outlined, per metric id. */
  thresholds: z.record(z.string(), z.number()).default({}),
  /** Fingerprint of the file whose warnings were folded away: those of a changed file show again. */
  foldedWarnings: z.string().default(''),
  /** Shows norms and biases, which a plan never touches. */
  showVectors: z.boolean(),
  filter: z.string(),
  /** Charts shown as their table. */
  tables: z.array(z.string().max(64)).default([]),
  sort: z.object({ key: z.string(), descending: z.boolean() }),
  sensitivityType: zTarget,
  /** Window of the heatmap; null = whole tensor. */
  zoom: z.object({ rows: zWindow, columns: zWindow }).nullable(),
  channel: z.object({ axis: z.enum(['row', 'column']), index: z.int().nonnegative() }).nullable(),
  targetBytes: z.number().positive().nullable(),
  choices: z.array(zTarget),
  locks: z.array(zLock),
  pins: z.array(zPin),
  minimums: z.array(zMinimum),
  exportFormat: zExportFormat,
  /** How codes are chosen ahead of an export; null: by the types' own quantizers. */
  rounding: zRoundingMethod.nullable().default(null),
  output: z.string(),
  /** Text the model is calibrated on, and the one plans are measured on. */
  calibrateOn: zRunSettings.default(FIRST_RUN),
  measureOn: zRunSettings.default(FIRST_EVALUATION),
  /** Of the activation maps; '' is the first one. */
  tap: z.string().default(''),
  activationStatistic: z.enum(ACTIVATION_STATISTICS).default('absMax'),
  prompt: z.string().max(20_000).default(''),
  /** Which measured score the plan spends bits by; null: by the weights alone. */
  planScore: zScoreId.nullable().default(null),
  comparison: zComparison.default(NOTHING_COMPARED),
});

export type ViewState = z.infer<typeof zViewState>;

/** Every quantized type, and F16 as the way out. */
export const DEFAULT_CHOICES = zTarget.options.filter((type) => type !== 'F32' && type !== 'BF16');

export const INITIAL_VIEW_STATE: ViewState = {
  version: 1,
  lens: 'overview',
  inspector: 'model',
  display: 'grid',
  selected: null,
  marked: [],
  metrics: {},
  scales: {},
  thresholds: {},
  foldedWarnings: '',
  showVectors: false,
  filter: '',
  tables: [],
  sort: { key: 'index', descending: false },
  sensitivityType: 'Q4_K',
  zoom: null,
  channel: null,
  targetBytes: null,
  choices: DEFAULT_CHOICES,
  locks: [],
  pins: [],
  minimums: [],
  exportFormat: 'gguf',
  rounding: null,
  output: '',
  calibrateOn: FIRST_RUN,
  measureOn: FIRST_EVALUATION,
  tap: '',
  activationStatistic: 'absMax',
  prompt: '',
  planScore: null,
  comparison: NOTHING_COMPARED,
};

/** Null when the text is not a view state of this version: the view then opens fresh. */
export function parseViewState(text: string | null): ViewState | null {
  if (text === null) return null;
  try {
    const parsed = zViewState.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

/** What of a file decides which views of it exist. */
export interface ViewSubject {
  readonly tensorCount: number;
  readonly lenses: readonly Lens[];
  readonly fingerprint: string;
}

/** Lenses and indices of a state made for another version of the file are dropped where they no longer exist. */
export function fitViewState(state: ViewState, { tensorCount, lenses, fingerprint }: ViewSubject): ViewState {
  const lens = lenses.includes(state.lens) ? state.lens : (lenses[0] ?? 'overview');
  const selected = state.selected !== null && state.selected < tensorCount ? state.selected : null;
  const sameFile = state.comparison.fingerprint === fingerprint;
  return {
    ...state,
    lens,
    comparison: sameFile ? state.comparison : { ...NOTHING_COMPARED, fingerprint },
    selected,
    marked: state.marked.filter((tensor) => tensor < tensorCount),
    zoom: selected === null ? null : state.zoom,
    channel: selected === null ? null : state.channel,
  };
}

export function select(state: ViewState, tensor: number): Partial<ViewState> {
  if (state.selected === tensor) return { inspector: 'tensor' };
  return { selected: tensor, inspector: 'tensor', zoom: null, channel: null };
}

/** What a command or a click in the tree asks for; lenses and tensors that do not exist change nothing. */
export function steered(
  state: ViewState,
  wanted: { readonly view: string; readonly tensor: number | null },
  { tensorCount, lenses }: ViewSubject,
): Partial<ViewState> {
  if (wanted.view === 'calibration' && lenses.includes('activations')) return { inspector: 'calibration' };
  const lens = lenses.find((name) => name === wanted.view);
  const { tensor } = wanted;
  return {
    ...(lens === undefined ? {} : { lens, inspector: 'model' as const }),
    ...(tensor === null || tensor >= tensorCount ? {} : select(state, tensor)),
  };
}

/** Adds or removes one tensor of the multi-selection. */
export function toggleMark(state: ViewState, tensors: readonly number[]): Partial<ViewState> {
  const marks = new Set(state.marked);
  const all = tensors.every((tensor) => marks.has(tensor));
  for (const tensor of tensors) {
    if (all) marks.delete(tensor);
    else marks.add(tensor);
  }
  return { marked: [...marks].sort((a, b) => a - b) };
}

/** Pins `names` to a type, or frees them with null. Pins stay sorted by name so that plans diff well. */
export function pin(state: ViewState, names: readonly string[], type: ViewState['sensitivityType'] | null) {
  const gone = new Set(names);
  const pins = state.pins.filter((entry) => !gone.has(entry.name));
  if (type !== null) for (const name of gone) pins.push({ name, type });
  pins.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return { pins };
}
