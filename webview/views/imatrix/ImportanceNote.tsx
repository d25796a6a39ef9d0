// In the place of the lenses: what this file is, and why nothing can be planned from it.

import type { ReactNode } from 'react';

export function ImportanceNote(): ReactNode {
  return (
    <p className="lens-note hint" data-testid="importance-note">
      <strong>Importance matrix</strong> Activations, not weights: there is nothing here to plan, quantize or export.
    </p>
  );
}
