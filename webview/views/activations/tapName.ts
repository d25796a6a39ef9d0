// What a tap is called: the inputs of which tensors.

import type { Activations } from '../../../core/protocol/calibration.ts';

export type Tap = Activations['taps'][number];

export function tapName({ tap, modules }: Tap): string {
  return modules.length === 0 ? tap : `${tap} (input of ${modules.join(', ')})`;
}
