// One row per plan: size, prediction, and what was measured, each figure with its error under it.

import type { ReactNode } from 'react';
import type { Rival } from '../../../core/protocol/calibration.ts';
import type { ComparedPlan } from '../../app/comparison.ts';
import { useSession } from '../../app/context.ts';
import { unkeep } from '../../app/keptPlans.ts';
import { landmarkName } from '../../app/paretoRows.ts';
import type { DamageWords } from '../../app/useDamageWords.ts';
import { csvText } from '../../charts/figureRows.ts';
import { bitsPerWeight, bytes, cellFigure, figure } from '../../charts/numberFormat.ts';
import { shownName, visibleText } from '../../charts/visibleText.ts';
import { CopyButton } from '../../ui/CopyButton.tsx';
import { Button } from '../../ui/toolkit.tsx';

export function PlanTable(props: {
  plans: readonly ComparedPlan[];
  best: ComparedPlan | null;
  words: DamageWords;
  running: boolean;
  onMeasure(plan: Rival): void;
}): ReactNode {
  const { plans, best, words, running, onMeasure } = props;
  const session = useSession();
  const original = plans.find(({ measure }) => measure !== null)?.measure?.originalPerplexity;
  return (
    <>
      <div className="section-head">
        <h3>Plans</h3>
        <CopyButton testId="compare-copy" text={() => planCsv(plans)}>
          Copy as CSV
        </CopyButton>
      </div>
      <section
        className="table-scroll plans"
        aria-label="Plans"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard.
        tabIndex={0}
      >
        <table className="figures" aria-label="Plans compared" data-testid="compare-table">
          <thead>
            <tr>
              <th scope="col">plan</th>
              <th scope="col">size</th>
              <th scope="col" title={words.meaning}>
                predicted
              </th>
              <th
                scope="col"
                title="KL(original ‖ plan), nats per token: mean ± standard error; 99.9 % of tokens lie below"
              >
                KL
              </th>
              <th scope="col" title="perplexity ± standard error">
                ppl
              </th>
              <th scope="col" title="how often the likeliest token is that of the original">
                top 1
              </th>
            </tr>
          </thead>
          <tbody>
            {original === undefined ? null : (
              <tr>
                <th scope="row">the original</th>
                <td />
                <td />
                <td>0</td>
                <td>{perplexity(original)}</td>
                <td>100 %</td>
              </tr>
            )}
            {plans.map((entry) => {
              const { key, kind, plan, predicted, measure, kept } = entry;
              // Damage of the weights alone has another unit than what scores predict.
              const guess = words.nats && Number.isNaN(predicted) ? (measure?.predicted ?? Number.NaN) : predicted;
              return (
                <tr key={key} className={kind === 'current' ? 'chosen' : ''} data-testid={`plan-${kind}`}>
                  <th scope="row">
                    {shownName(landmarkName(plan.label), 30)}
                    {entry === best ? (
                      <span className="pill best" title="least KL divergence measured at no larger size">
                        best
                      </span>
                    ) : null}
                    {kept === null ? null : (
                      <Button
                        appearance="icon"
                        label={`Forget ${visibleText(plan.label)}`}
                        onClick={() => session.view.set((v) => ({ comparison: unkeep(v.comparison, kept) }))}
                      >
                        ×
                      </Button>
                    )}
                  </th>
                  <Lines
                    of={[
                      bytes(plan.bytes),
                      `${bitsPerWeight(plan.bitsPerWeight)} b/w`,
                      ...(measure === null || Number.isNaN(measure.tokensPerSecond)
                        ? []
                        : [`≈ ${figure(measure.tokensPerSecond)} tok/s`]),
                    ]}
                    title={visibleText(measure?.speedBasis ?? '')}
                  />
                  <Lines of={[Number.isNaN(guess) ? '–' : cellFigure(guess)]} />
                  {measure === null ? (
                    <td colSpan={3} className="unmeasured">
                      <Button
                        className="small"
                        testId={`measure-${kind}`}
                        disabled={running}
                        label={`Measure ${visibleText(plan.label)}`}
                        onClick={() => onMeasure(plan)}
                      >
                        Measure
                      </Button>
                    </td>
                  ) : (
                    <>
                      <Lines
                        of={[
                          cellFigure(measure.divergence.mean),
                          `± ${cellFigure(measure.divergence.error)}`,
                          `99.9 % ${cellFigure(measure.divergence.p999)}`,
                        ]}
                      />
                      <Lines
                        of={[perplexity(measure.perplexity), `± ${figure(measure.perplexityError)}`]}
                        title={`of the original: ${perplexity(measure.originalPerplexity)}`}
                      />
                      <Lines of={[share(measure.topAgreement), `± ${(100 * measure.topAgreementError).toFixed(2)}`]} />
                    </>
                  )}
                </tr>
              );
            })}
          </tbody>
        </table>
      </section>
      {speedBasis(plans) === '' ? null : (
        <p className="hint" data-testid="speed-basis">
          tokens/s: {visibleText(speedBasis(plans))}
        </p>
      )}
    </>
  );
}

/** The figure, and under it what it comes with. */
function Lines(props: { of: readonly string[]; title?: string }): ReactNode {
  const [first, ...others] = props.of;
  return (
    <td title={props.title}>
      {first}
      {others.map((text) => (
        <span key={text} className="hint second">
          {text}
        </span>
      ))}
    </td>
  );
}

function perplexity(value: number): string {
  return value < 1000 ? value.toFixed(2) : figure(value);
}

function share(value: number): string {
  return `${(100 * value).toFixed(1)} %`;
}

function speedBasis(plans: readonly ComparedPlan[]): string {
  return plans.find(({ measure }) => measure !== null)?.measure?.speedBasis ?? '';
}

function planCsv(plans: readonly ComparedPlan[]): string {
  const labels = [
    ...['plan', 'bytes', 'bits per weight', 'predicted', 'KL mean', 'KL error', 'KL 99 %', 'KL 99.9 %'],
    ...['perplexity', 'perplexity error', 'original perplexity', 'top 1', 'top 1 error', 'tokens', 'tokens/s', 'how'],
  ];
  return csvText(
    labels,
    plans.map(({ plan, predicted, measure: m }) => [
      ...[plan.label, plan.bytes, plan.bitsPerWeight, predicted],
      ...(m === null
        ? []
        : [
            ...[m.divergence.mean, m.divergence.error, m.divergence.p99, m.divergence.p999],
            ...[m.perplexity, m.perplexityError, m.originalPerplexity, m.topAgreement, m.topAgreementError],
            ...[m.tokens, m.tokensPerSecond, m.provenance.method],
          ]),
    ]),
  );
}
