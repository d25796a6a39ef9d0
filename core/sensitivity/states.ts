// How far hidden states are from those of the model as it is, sequence by sequence.

import type { Hidden } from '../forward/blocks.ts';
import { type Estimate, ratioOf } from './ratio.ts';

/** ‖y − ŷ‖² / ‖y‖² over all values, with its standard error over sequences. */
export function compareStates(reference: Hidden, changed: Hidden): Estimate {
  const { values: y, sequences } = reference;
  const length = y.length / sequences;
  const noise = new Float64Array(sequences);
  const power = new Float64Array(sequences);
  for (let s = 0; s < sequences; s++) {
    let [squares, errors] = [0, 0];
    for (let i = s * length; i < (s + 1) * length; i++) {
      const value = y[i] ?? 0;
      const difference = (changed.values[i] ?? 0) - value;
      squares += value * value;
      errors += difference * difference;
    }
    noise[s] = errors;
    power[s] = squares;
  }
  return ratioOf(noise, power);
}

export function copyState({ values, ...size }: Hidden): Hidden {
  return { ...size, values: values.slice() };
}
