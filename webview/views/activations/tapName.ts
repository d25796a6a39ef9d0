// What a tap is called: the inputs of which tensors.

import type { Activations } from '../../../core/protocol/calibration.ts';

export type Tap = Activations['taps'][number];

export function tapName({ tap, modules }: Tap): string {
  if (tap === 'hidden') return 'hidden state (between blocks)';
  return modules.length === 0 ? tap : `${tap} (input of ${modules.join(', ')})`;
}
