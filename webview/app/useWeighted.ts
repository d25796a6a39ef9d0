// Whether errors count by how strongly their columns are driven: whoever shows one says so.

import { useModel } from './context.ts';

/** The calibration the damages on screen are weighed with, by its source; null where they come from the weights alone. */
export function useWeighted(): string | null {
  return useModel((s) =>
    s.tasks.sensitivity.status === 'done' && s.calibration != null && !s.calibration.stale
      ? s.calibration.source
      : null,
  );
}
