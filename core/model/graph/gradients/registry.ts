// Every operation that can be differentiated through. A new one is one rule in the file of its kind.

import { ELEMENTWISE } from './elementwise.ts';
import { GATHERING } from './gathering.ts';
import { MATRIX } from './matrix.ts';
import { REDUCTIONS } from './reductions.ts';
import type { Rule, Rules } from './rule.ts';
import { SHAPING } from './shaping.ts';

/** Piecewise constant: what they give has no derivative but zero (comparisons, choices, sizes). */
const flat: Rule = () => [];
export const FLAT: readonly string[] = ['Equal', 'Greater', 'Less', 'NonZero', 'Shape', 'Size'];

export const RULES: Rules = {
  ...ELEMENTWISE,
  ...MATRIX,
  ...REDUCTIONS,
  ...SHAPING,
  ...GATHERING,
  ...Object.fromEntries(FLAT.map((type) => [type, flat])),
};
