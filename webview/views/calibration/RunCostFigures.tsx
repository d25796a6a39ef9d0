// What running the model on a text would take: asked for whenever the settings rest, shown before anything runs.

import { type ReactNode, useState } from 'react';
import type { RunCost, RunSettings } from '../../../core/protocol/calibration.ts';
import { useModel } from '../../app/context.ts';
import { type Answer, useCall } from '../../app/useCall.ts';
import { useRested } from '../../app/useRested.ts';
import { aboutSeconds, bytes, count, grouped } from '../../charts/numberFormat.ts';
import { visibleText } from '../../charts/visibleText.ts';
import { WarningIcon } from '../../ui/icons.tsx';
import { Failed, Working } from '../../ui/states.tsx';

/** The engine times a block for its estimate: not at every key. */
const REST_MS = 400;

/** @param wanted  false asks nothing, and keeps the last answer */
export function useRunCost(settings: RunSettings, wanted: boolean): Answer<RunCost> {
  const model = useModel((s) => s.summary?.model ?? null);
  const rested = useRested(settings, REST_MS);
  const [asked, setAsked] = useState(rested);
  if (wanted && asked !== rested) setAsked(rested);
  const answer = useCall('runCost', model === null ? null : { model, settings: asked }, model);
  return asked === settings ? answer : { ...answer, pending: true };
}

export function RunCostFigures(props: { cost: Answer<RunCost> }): ReactNode {
  const { value, failure, pending } = props.cost;
  if (failure !== null) return <Failed failure={failure} />;
  if (value === null) return pending ? <Working what="Estimating what it takes" /> : null;
  if (value.blocker !== null) {
    return (
      <p className="notice warning inline" role="alert" data-testid="run-blocker">
        <WarningIcon />
        <span>{visibleText(value.blocker)}</span>
      </p>
    );
  }
  const figures: readonly (readonly [label: string, text: string, meaning: string])[] = [
    [
      'time',
      value.seconds === 0 ? 'known already' : aboutSeconds(value.seconds),
      'estimated from a timed block of this model on this machine',
    ],
    ['memory', bytes(value.memoryBytes), 'largest block in float32, activations and results'],
    ['tokens', count(value.tokens), `${grouped(value.sequences)} sequences that the text really gives`],
    ['device', value.device, 'where it runs'],
  ];
  return (
    <dl className={pending ? 'figure-grid cost pending' : 'figure-grid cost'} data-testid="run-cost">
      {figures.map(([label, text, meaning]) => (
        <div key={label} title={meaning}>
          <dt>{label}</dt>
          <dd>{visibleText(text)}</dd>
        </div>
      ))}
    </dl>
  );
}
