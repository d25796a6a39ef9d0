// What tells the plan how much an error costs: the weights alone, or a score measured on the running model.

import { type ReactNode, useMemo } from 'react';
import { useModel, useSession, useView } from '../../app/context.ts';
import { useWeighted } from '../../app/useWeighted.ts';
import { visibleText } from '../../charts/visibleText.ts';
import { Dropdown, Link } from '../../ui/toolkit.tsx';
import { useFreshMethods } from '../sensitivity/SensitivityView.tsx';

const WEIGHTS = 'weights';

export function PlanScore(): ReactNode {
  const session = useSession();
  const methods = useModel((s) => s.scoreMethods);
  const planScore = useView((v) => v.planScore);
  const weighted = useWeighted();
  useFreshMethods();
  const usable = useMemo(() => (methods ?? []).filter((method) => method.plans), [methods]);
  const known = usable.filter((method) => method.of > 0 && method.known === method.of);
  const chosen = methods?.find((method) => method.id === planScore) ?? null;
  const options = [
    { value: WEIGHTS, label: weighted === null ? 'Weights and roles alone' : 'Weighted errors and roles' },
    ...known.map((method) => ({ value: method.id as string, label: visibleText(method.name) })),
    ...(planScore !== null && !known.some((method) => method.id === planScore)
      ? [{ value: planScore as string, label: visibleText(chosen?.name ?? planScore) }]
      : []),
  ];
  return (
    <section aria-label="What the plan goes by">
      <h3>An error costs what is told by</h3>
      <div className="plan-score">
        <Dropdown
          label="Score the plan goes by"
          testId="plan-score"
          value={planScore ?? WEIGHTS}
          options={options}
          onChange={(value) =>
            session.view.set({ planScore: usable.find((method) => method.id === value)?.id ?? null })
          }
        />
        <Link testId="to-sensitivity" onClick={() => session.view.set({ lens: 'sensitivity', inspector: 'model' })}>
          {known.length === usable.length ? 'See the scores' : 'Measure another…'}
        </Link>
      </div>
      <p className="hint">
        {chosen === null
          ? 'Estimated, a rough guide. Scores measured on the running model predict what is lost of its predictions.'
          : `${visibleText(chosen.formula)} · ${visibleText(chosen.unit)}`}
      </p>
    </section>
  );
}
