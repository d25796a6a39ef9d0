// Codes made again from the scales really stored, on the GPU: reference/superBlock.ts `requantize` in WGSL.

import { itemKernel, type Passes, type Words } from './passes.ts';

/** An item is four codes of one part. */
const REQUANTIZE = itemKernel(
  'requantize',
  { reads: ['values', 'steps', 'leasts'], writes: ['codes'], sizes: ['size', 'low', 'high'] },
  /* wgsl */ `
fn item(i: u32) {
  let part = 4u * i / sizes.size;
  let step = steps[part];
  if (fZero(step)) { return; } // the codes of the search stay
  let low = i32(sizes.low);
  var word = 0u;
  for (var j = 0u; j < 4u; j++) {
    let code = clampedInt(fDiv(fAdd(values[4u * i + j], leasts[part]), step), low, i32(sizes.high)) - low;
    word |= u32(code) << (8u * j);
  }
  codes[i] = word;
}`,
);

/**
 * code = (x + least) / step, clamped to [low, high], stored from `low` on; in place, where the step is not 0.
 * @param leasts one float32 a part, as steps; null for zeros
 */
export function requantize(
  passes: Passes,
  values: Words,
  codes: Words,
  steps: Words,
  leasts: Words | null,
  [low, high]: readonly [low: number, high: number],
): void {
  const zeros = leasts ?? passes.make(steps.length);
  const size = values.length / steps.length;
  passes.add(REQUANTIZE, codes.length, [values, steps, zeros, codes], [size, low, high]);
}
