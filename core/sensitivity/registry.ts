// Every score that can be measured, cheapest first.

import type { ScoreId } from '../protocol/calibration.ts';
import type { Score } from './score.ts';
import { activationError } from './scores/activationError.ts';
import { blockOutputError } from './scores/blockOutputError.ts';
import { fisher } from './scores/fisher.ts';
import { gradientTimesError } from './scores/gradientTimesError.ts';
import { hessianTrace } from './scores/hessianTrace.ts';
import { measuredDivergence } from './scores/measuredDivergence.ts';
import { propagatedError } from './scores/propagatedError.ts';
import { weightError } from './scores/weightError.ts';

export const SCORES: readonly Score[] = [
  weightError,
  activationError,
  hessianTrace,
  gradientTimesError,
  fisher,
  blockOutputError,
  propagatedError,
  measuredDivergence,
];

export function scoreOf(id: ScoreId): Score | null {
  return SCORES.find((score) => score.id === id) ?? null;
}
