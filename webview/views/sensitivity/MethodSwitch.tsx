// Which score the grid shows: each with what it needs, what it would take, and how much of it is known.

import type { ReactNode } from 'react';
import type { ScoreMethod } from '../../../core/protocol/calibration.ts';
import { useLensFigures, useModel, useSession } from '../../app/context.ts';
import { scoreMetricId } from '../../app/metrics.ts';
import { aboutSeconds, grouped } from '../../charts/numberFormat.ts';
import { visibleText } from '../../charts/visibleText.ts';
import { CheckIcon } from '../../ui/icons.tsx';
import { Failed } from '../../ui/states.tsx';

const NEEDS: Readonly<Record<ScoreMethod['needs'], string>> = {
  weights: 'weights alone',
  calibration: 'calibration',
  text: 'runs on text',
};
/** The metric of the grid that asks for no data. */
const FROM_WEIGHTS = 'damage';

export function MethodSwitch(): ReactNode {
  const session = useSession();
  const methods = useModel((s) => s.scoreMethods);
  const failure = useModel((s) => s.scoreMethodsFailure);
  const { metric } = useLensFigures();
  const show = (id: string): void =>
    session.view.set((v) => ({ metrics: { ...v.metrics, sensitivity: id }, inspector: 'model' }));
  const row = (id: string, name: string, title: string, needs: string, state: ReactNode): ReactNode => (
    <button
      key={id}
      type="button"
      className="method"
      aria-pressed={metric.id === id}
      title={title}
      data-testid={`method-${id}`}
      onClick={() => show(id)}
    >
      <span className="method-name">{name}</span>
      <span className="hint">{needs}</span>
      <span className="hint number method-state">{state}</span>
    </button>
  );
  return (
    <section aria-label="Ways to measure sensitivity">
      <div className="methods" data-testid="methods">
        {row(FROM_WEIGHTS, 'relative error at a type', '‖W − Ŵ‖² / ‖W‖²', 'weights alone', 'every type')}
        {(methods ?? []).map((method) =>
          row(
            scoreMetricId(method.id),
            visibleText(method.name),
            visibleText(method.formula),
            NEEDS[method.needs],
            <MethodState method={method} />,
          ),
        )}
      </div>
      {failure === null ? null : (
        <Failed failure={failure} action={{ label: 'Try again', run: () => session.runs.refreshMethods() }} />
      )}
    </section>
  );
}

function MethodState(props: { method: ScoreMethod }): ReactNode {
  const { known, of, seconds: left, blocker } = props.method;
  if (of > 0 && known === of)
    return (
      <>
        <CheckIcon /> known
      </>
    );
  if (blocker !== null) return 'not yet';
  const takes = aboutSeconds(left);
  return known > 0 ? `${grouped(known)} of ${grouped(of)} · ${takes}` : takes;
}
