// The plan: what each tensor becomes, and what it was solved from. A text document, `*.quantplan.json`.

import * as z from 'zod';
import { MAX_PATTERN_LENGTH } from '../base/pattern.ts';
import { zScoreId } from './calibration.ts';
import { zFigure, zFloat64Array, zRole, zTarget } from './objects.ts';

export { DEFAULT_CHOICES } from '../quant/ggufTypes.ts';

export const PLAN_VERSION = 1;

export const zLock = z.object({ pattern: z.string().max(MAX_PATTERN_LENGTH), type: zTarget });
export const zPin = z.object({ name: z.string(), type: zTarget });
export const zMinimum = z.object({ role: zRole, type: zTarget });

/** Tensors that choose one type together: q, k and v; gate and up; the experts of a layer; embedding and output. */
export const AGREEMENT_KINDS = ['qkv', 'gateUp', 'experts', 'tied'] as const;

/** What the solver is asked. Later rules win over earlier ones; pins (exact names) win over locks (regular expressions). */
export const zPlanRequest = z.object({
  targetBytes: z.number().positive(),
  choices: z.array(zTarget).min(1),
  locks: z.array(zLock),
  pins: z.array(zPin),
  minimums: z.array(zMinimum),
  /** Runtimes that fuse or share matrices need them stored alike. */
  agree: z.array(z.enum(AGREEMENT_KINDS)).optional(),
  /** Which score says what an error costs; weights and roles alone when left out. */
  score: zScoreId.optional(),
});

export const zAssignment = z.object({
  type: zTarget,
  bytes: z.number(),
  relativeError: zFigure,
  /** Its part of the solution's damage. */
  damage: zFigure,
  /** One sentence: locked, held by a minimum, or what the next step up and down would cost. */
  why: z.string(),
});

export const zSolution = z.object({
  /** Whole output file, metadata and padding included. */
  bytes: z.number(),
  bitsPerWeight: z.number(),
  /** Weighted mean over planned tensors of ‖W − Ŵ‖²/‖W‖², by parameters, the output head at least a fifth (estimated, data-free). */
  damage: zFigure,
  /** Damage of this solution minus a proven lower bound, as a share of the damage; 0 = proven optimal. */
  gap: z.number(),
  feasible: z.object({ minBytes: z.number(), maxBytes: z.number() }),
  /** One per quantizable tensor, by name. */
  tensors: z.record(z.string(), zAssignment),
});

/** A fresh answer; how long it took is not part of the plan, which is the same for the same input. */
export const zSolved = zSolution.extend({ solveMs: z.number() });

/** In `types`, of a tensor the plan does not touch. */
export const UNPLANNED = 255;

/** As `zSolved` by tensor index and without reasons: what a screen needs many times a second. */
export const zPreview = zSolved.omit({ tensors: true }).extend({
  /** Index into GGUF_TARGETS. */
  types: z.instanceof(Uint8Array),
  tensorBytes: zFloat64Array,
  relativeErrors: zFloat64Array,
  damages: zFloat64Array,
});

export const zPlan = z.object({
  $schema: z.string().optional(),
  kind: z.literal('quantscope.plan'),
  version: z.literal(PLAN_VERSION),
  model: z.object({ name: z.string(), fingerprint: z.string() }),
  request: zPlanRequest,
  solution: zSolution,
});

export const zParetoPoint = z.object({ bytes: z.number(), bitsPerWeight: z.number(), damage: zFigure });
/** A plan every engineer knows, drawn on the curve: one type everywhere. */
export const zLandmark = zParetoPoint.extend({ label: z.string() });

export type PlanRequest = z.infer<typeof zPlanRequest>;
export type Assignment = z.infer<typeof zAssignment>;
export type Solution = z.infer<typeof zSolution>;
export type Solved = z.infer<typeof zSolved>;
export type Preview = z.infer<typeof zPreview>;
export type Plan = z.infer<typeof zPlan>;
export type AgreementKind = (typeof AGREEMENT_KINDS)[number];
export type Lock = z.infer<typeof zLock>;
export type Minimum = z.infer<typeof zMinimum>;
export type ParetoPoint = z.infer<typeof zParetoPoint>;
export type Landmark = z.infer<typeof zLandmark>;
