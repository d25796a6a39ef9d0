// Whether codes are chosen ahead of the export, by running the model on the text of its calibration.

import type { ReactNode } from 'react';
import { useModel, useSession, useView } from '../../app/context.ts';
import { visibleText } from '../../charts/visibleText.ts';
import { Checkbox } from '../../ui/toolkit.tsx';

export function RoundingChoice(props: { disabled: boolean }): ReactNode {
  const session = useSession();
  const chosen = useView((v) => v.rounding) !== null;
  /** Its text is known: an imported matrix does not tell it. */
  const source = useModel((s) =>
    s.calibration != null && !s.calibration.stale && s.calibration.settings !== null ? s.calibration.source : null,
  );
  return (
    <>
      <Checkbox
        testId="export-gptq"
        checked={chosen}
        // What was chosen before the calibration went can be taken back.
        disabled={props.disabled || (source === null && !chosen)}
        onChange={(on) => session.view.set({ rounding: on ? 'gptq' : null })}
      >
        Choose codes by GPTQ
      </Checkbox>
      <p className="hint">
        {source === null
          ? 'GPTQ runs the model on a text: calibrate it on one first.'
          : `The same types and size, usually closer to the original; runs the model on ${visibleText(source)} and takes minutes.`}
      </p>
    </>
  );
}
