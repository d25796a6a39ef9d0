// Plans put aside for comparison and what was measured of any plan: small enough to live in the view state.

import * as z from 'zod';
import {
  type Calibration,
  type PlanMeasure,
  type Rival,
  type RunSettings,
  type ScoreId,
  zPlanMeasure,
  zRunSettings,
  zScoreId,
} from '../../core/protocol/calibration.ts';
import { zFigure } from '../../core/protocol/objects.ts';
import type { Solution } from '../../core/protocol/plan.ts';
import { typeCode } from '../../core/protocol/typeCode.ts';

/** View states are bounded to a million characters. */
const MAX_KEPT_CHARACTERS = 400_000;
const MAX_KEPT = 8;
const MAX_MEASURES = 48;

export const zKeptPlan = z.object({
  label: z.string().max(200),
  bytes: z.number(),
  bitsPerWeight: z.number(),
  /** Damage as it was predicted when the plan was kept. */
  predicted: zFigure,
  /** The score that prediction went by: figures of two scores are not comparable. */
  score: zScoreId.nullable(),
  /** What every tensor is stored in, as `typeCode` writes it. */
  code: z.string().max(MAX_KEPT_CHARACTERS),
});

export const zComparison = z.object({
  /** Of the model all this is about; another one's is dropped. */
  fingerprint: z.string(),
  kept: z.array(zKeptPlan).max(MAX_KEPT),
  measures: z
    .array(
      z.object({
        plan: z.string(),
        settings: zRunSettings,
        /** What the quantizers weighed columns with; '' for nothing. */
        calibration: z.string(),
        measure: zPlanMeasure,
      }),
    )
    .max(MAX_MEASURES),
});

export type KeptPlan = z.infer<typeof zKeptPlan>;
export type Comparison = z.infer<typeof zComparison>;

export const NOTHING_COMPARED: Comparison = { fingerprint: '', kept: [], measures: [] };

const codes = new WeakMap<Solution, { readonly names: readonly string[]; readonly code: string }>();

/** What the solution stores every tensor of the table in. */
export function codeOf(solution: Solution, names: readonly string[]): string {
  const known = codes.get(solution);
  if (known?.names === names) return known.code;
  const { tensors } = solution;
  const code = typeCode(names.map((name) => (Object.hasOwn(tensors, name) ? (tensors[name]?.type ?? null) : null)));
  codes.set(solution, { names, code });
  return code;
}

/** Short and the same for the same types: two 32-bit hashes (FNV-1a and one that mixes its upper bits down). */
export function planKey(code: string): string {
  let [a, b] = [0x811c9dc5, 0x1b873593];
  for (let i = 0; i < code.length; i++) {
    const letter = code.charCodeAt(i);
    a = Math.imul(a ^ letter, 0x01000193);
    b = Math.imul(b ^ letter, 0x85ebca6b);
    b ^= b >>> 13;
  }
  return [a, b].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('');
}

/** Null where the model has more tensors than a view state can remember. */
export function keptPlan(
  label: string,
  solution: Solution,
  score: ScoreId | null,
  names: readonly string[],
): KeptPlan | null {
  if (names.length > MAX_KEPT_CHARACTERS) return null;
  const { bytes, bitsPerWeight, damage } = solution;
  return { label, bytes, bitsPerWeight, predicted: damage, score, code: codeOf(solution, names) };
}

/** The newest come first; the oldest go where there is no room. */
export function keep(comparison: Comparison, plan: KeptPlan): Comparison {
  const others = comparison.kept.filter((entry) => entry.code !== plan.code);
  let room = MAX_KEPT_CHARACTERS;
  const kept = [plan, ...others].slice(0, MAX_KEPT).filter((entry) => {
    room -= entry.code.length;
    return room >= 0;
  });
  return { ...comparison, kept };
}

export function unkeep(comparison: Comparison, plan: KeptPlan): Comparison {
  return { ...comparison, kept: comparison.kept.filter((entry) => entry !== plan) };
}

/** What a measure depends on besides the plan. */
export interface MeasureBasis {
  readonly settings: RunSettings;
  readonly calibration: string;
}

/** Calibrations of a file that changed since weigh nothing. */
export function calibrationKey(calibration: Calibration | null | undefined): string {
  return calibration == null || calibration.stale ? '' : calibration.id;
}

export function addMeasures(
  comparison: Comparison,
  plans: readonly Rival[],
  measures: readonly PlanMeasure[],
  { settings, calibration }: MeasureBasis,
): Comparison {
  const added = measures.flatMap((measure, i) => {
    const plan = plans[i];
    return plan === undefined ? [] : [{ plan: planKey(plan.code), settings, calibration, measure }];
  });
  const others = comparison.measures.filter(
    (old) => !added.some((entry) => entry.plan === old.plan && sameBasis(entry, old)),
  );
  return { ...comparison, measures: [...added, ...others].slice(0, MAX_MEASURES) };
}

/** What was measured of a plan on this text, with these weights of columns, or null. */
export function measureOf(comparison: Comparison, plan: string, basis: MeasureBasis): PlanMeasure | null {
  return comparison.measures.find((entry) => entry.plan === plan && sameBasis(entry, basis))?.measure ?? null;
}

export function sameBasis(a: MeasureBasis, b: MeasureBasis): boolean {
  return a.calibration === b.calibration && sameSettings(a.settings, b.settings);
}

export function sameSettings(a: RunSettings, b: RunSettings): boolean {
  const path = ({ text }: RunSettings): string => (text.kind === 'file' ? text.path : '');
  return (
    a.text.kind === b.text.kind &&
    path(a) === path(b) &&
    a.context === b.context &&
    a.sequences === b.sequences &&
    a.seed === b.seed
  );
}
