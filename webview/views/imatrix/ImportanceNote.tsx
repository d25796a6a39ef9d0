// In the place of the lenses: what this file is, and why nothing can be planned from it.

import type { ReactNode } from 'react';

const REASON = 'Activations, not weights: there is nothing here to plan, quantize or export.';

export function ImportanceNote(): ReactNode {
  return (
    <p className="lens-note hint" title={REASON} data-testid="importance-note">
      <strong>Importance matrix</strong> {REASON}
    </p>
  );
}
