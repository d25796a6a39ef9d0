// Plans every engineer knows: one type everywhere, and llama.cpp's standard mixes. Landmarks, and rivals to beat.

import { matrixShape } from '../checkpoint/checkpoint.ts';
import type { Landmark } from '../protocol/plan.ts';
import { type GgufTarget, isQuantizable, storedType } from '../quant/ggufTypes.ts';
import type { MeasuredItem } from './measuredItems.ts';
import type { MixFacts } from './mixFacts.ts';
import { type AllocationProblem, type FileHead, fileBytes } from './problem.ts';
import { type MixTensor, mixTypes, STANDARD_MIXES, type StandardMix } from './standardMixes.ts';

export interface KnownPlan {
  /** "Q4_K" everywhere, or "Q4_K_M mix". */
  readonly label: string;
  readonly kind: 'uniform' | 'mix';
  /** Its number in llama.h's `enum llama_ftype`; null where everything is one type, which llama.cpp has no number for. */
  readonly fileType: number | null;
  /** What each quantizable tensor is stored in, in the tensors' order. */
  readonly types: readonly GgufTarget[];
}

/** The mixes people choose from. Those of the legacy types only differ from them in the head. */
export const KNOWN_MIXES: readonly StandardMix[] = [
  'Q2_K',
  'Q3_K_S',
  'Q3_K_M',
  'Q3_K_L',
  'IQ4_XS',
  'Q4_K_S',
  'Q4_K_M',
  'Q5_K_S',
  'Q5_K_M',
  'Q6_K',
];

/**
 * @param types  for uniform plans, in this order
 * @param facts  null where the file says too little about the model: then there are no mixes
 * @param imatrix whether importance weighs the quantizers
 */
export function knownPlans(
  tensors: readonly MixTensor[],
  types: readonly GgufTarget[],
  facts: MixFacts | null,
  imatrix: boolean,
): KnownPlan[] {
  const columns = tensors.filter(isQuantizable).map((tensor) => matrixShape(tensor).columns);
  const uniform = [...new Set(types)].map((type) => {
    const stored = columns.map((width) => storedType(type, width));
    return { label: type, kind: 'uniform' as const, fileType: null, types: stored };
  });
  if (facts === null) return uniform;
  const mixes = KNOWN_MIXES.map((mix) => {
    const { fileType } = STANDARD_MIXES[mix];
    return { label: `${mix} mix`, kind: 'mix' as const, fileType, types: mixTypes(mix, tensors, facts, imatrix) };
  });
  return [...uniform, ...mixes];
}

/** Size and predicted damage of a known plan, whatever the rules say. @throws PLAN_INVALID as `MeasuredItem.choiceOf` */
export function landmarkOf(
  problem: FileHead & Pick<AllocationProblem, 'parameters'>,
  items: readonly MeasuredItem[],
  { label, types }: KnownPlan,
): Landmark {
  const choices = items.map((item, at) => item.choiceOf(types[at] ?? 'F16'));
  const bytes = fileBytes(problem, choices);
  const damage = choices.reduce((sum, choice) => sum + choice.damage, 0);
  return { label, bytes, bitsPerWeight: (bytes * 8) / problem.parameters, damage };
}
