// A plan measured on the very text it was made with looks better than it is.

import type { ReactNode } from 'react';
import { useModel, useView } from '../../app/context.ts';
import { sameSettings } from '../../app/keptPlans.ts';

export function SameTextNote(): ReactNode {
  const settings = useView((v) => v.measureOn);
  const calibrated = useModel((s) => s.calibration?.settings ?? null);
  if (calibrated === null || !sameSettings({ ...calibrated, context: settings.context }, settings)) return null;
  return (
    <p className="notice warning inline" role="status" data-testid="same-text">
      These are the sequences of the calibration: measured on them, plans look better than they are. Take another seed
      or text.
    </p>
  );
}
