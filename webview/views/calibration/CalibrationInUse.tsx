// The calibration numbers come from: source, data, amount, seed, device, when; old ones ask to be run again.

import type { ReactNode } from 'react';
import type { Calibration } from '../../../core/protocol/calibration.ts';
import { useSession } from '../../app/context.ts';
import { whenText } from '../../app/ProvenanceNote.tsx';
import { count, grouped } from '../../charts/numberFormat.ts';
import { visibleText } from '../../charts/visibleText.ts';
import { WarningIcon } from '../../ui/icons.tsx';
import { Empty } from '../../ui/states.tsx';
import { Button } from '../../ui/toolkit.tsx';

/** Enough of a SHA-256 to tell two texts apart by eye. */
const SHOWN_HASH = 12;

export function CalibrationInUse(props: { calibration: Calibration | null }): ReactNode {
  const { calibration } = props;
  const session = useSession();
  if (calibration === null) {
    return <Empty>None: every number of this model comes from its weights alone.</Empty>;
  }
  const { settings } = calibration;
  const facts: readonly (readonly [label: string, text: string])[] = [
    ['text', calibration.source],
    ...(calibration.dataHash === '' ? [] : [['data', `SHA-256 ${calibration.dataHash.slice(0, SHOWN_HASH)}`] as const]),
    ...(calibration.tokens > 0
      ? [
          [
            'tokens',
            settings === null
              ? count(calibration.tokens)
              : `${count(calibration.tokens)} (${grouped(calibration.sequences)} × ${grouped(settings.context)})`,
          ] as const,
        ]
      : []),
    ...(settings === null ? [] : [['seed', String(settings.seed)] as const]),
    ['tensors', `${grouped(calibration.tensors)} with measured input columns`],
    ...(calibration.device === '' ? [] : [['device', calibration.device] as const]),
    ['when', whenText(calibration.provenance.at)],
    ['how', calibration.provenance.method],
  ];
  return (
    <section aria-label="Calibration in use" data-testid="calibration-in-use">
      {calibration.stale ? (
        <div className="notice warning inline" role="alert" data-testid="calibration-stale">
          <WarningIcon />
          <span>
            The file changed since: these figures are of the old one and no plan uses them. Calibrate again for the new
            one.
          </span>
          {settings === null ? null : (
            <Button
              className="small"
              testId="calibrate-again"
              onClick={() => {
                session.view.set({ calibrateOn: settings });
                void session.runs.calibrate();
              }}
            >
              Run again
            </Button>
          )}
        </div>
      ) : null}
      <dl className="facts">
        {facts.map(([label, text]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd className="number">{visibleText(text)}</dd>
          </div>
        ))}
      </dl>
      {calibration.activations ? null : (
        <p className="hint">
          An imported matrix holds second moments alone: it weighs errors, and shows no activations. Calibrate to see
          them.
        </p>
      )}
    </section>
  );
}
