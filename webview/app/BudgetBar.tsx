// Always there: the budget, what it buys, where it sits on the curve, and the way to a file.

import { type ReactNode, useMemo, useState } from 'react';
import { bitsPerWeight, byteParts, bytes, count, figure } from '../charts/numberFormat.ts';
import { type MeasuredPoint, ParetoChart } from '../charts/ParetoChart.tsx';
import { shownName, visibleText } from '../charts/visibleText.ts';
import { Button, TextField } from '../ui/toolkit.tsx';
import { ChartWithTable } from './ChartWithTable.tsx';
import { useModel, useSession, useView } from './context.ts';
import { landmarkName, paretoRows } from './paretoRows.ts';
import { parseBudget } from './parseBudget.ts';
import { AUTO_SENSITIVITY_PARAMETERS } from './session.ts';
import { feasibleInterval } from './sessionState.ts';
import { useComparison } from './useComparison.ts';
import { useDamageWords } from './useDamageWords.ts';
import { WhyDialog } from './WhyDialog.tsx';

const SLIDER_STEPS = 2000;
const SHOWN_LANDMARKS = 4;

export function BudgetBar(): ReactNode {
  const solution = useModel((s) => s.solution);
  const pareto = useModel((s) => s.pareto);
  const ready = solution !== null || pareto !== null;
  return (
    <section className="budget" aria-label="Budget" data-testid="budget-bar">
      {ready ? <Budget /> : <BudgetWaiting />}
    </section>
  );
}

function BudgetWaiting(): ReactNode {
  const session = useSession();
  const statistics = useModel((s) => s.tasks.statistics);
  const sensitivity = useModel((s) => s.tasks.sensitivity);
  const failure = useModel((s) => s.solveFailure);
  const summary = useModel((s) => s.summary);
  const stopped = sensitivity.failure ?? failure;
  const plannable = useModel((s) => s.table?.quantizable.includes(1) === true);
  const large = (summary?.parameters ?? 0) >= AUTO_SENSITIVITY_PARAMETERS;
  let text = 'Before bits can be planned, every tensor is quantized to every type and compared (no data needed).';
  if (!plannable) text = 'Nothing here to plan: the file holds no matrix of floats that a plan may change.';
  else if (sensitivity.status === 'running')
    text = 'Estimating what each type costs each tensor; the budget opens when this is done.';
  else if (sensitivity.status === 'done') text = 'Solving the first plan.';
  else if (statistics.status === 'running') text = 'Planning follows once statistics are measured.';
  else if (stopped !== null) text = `${stopped.code}: ${visibleText(stopped.message)}`;
  else if (large)
    text += ` With ${count(summary?.parameters ?? 0)} parameters this takes a while; it can be cancelled.`;
  const idle =
    plannable && sensitivity.status !== 'running' && sensitivity.status !== 'done' && statistics.status !== 'running';
  return (
    <div className="budget-waiting">
      <h2>Budget</h2>
      <p className={stopped !== null && idle ? 'error' : 'hint'} role={stopped !== null && idle ? 'alert' : undefined}>
        {text}
      </p>
      {idle ? (
        <Button appearance="primary" testId="start-sensitivity" onClick={() => void session.runSensitivity()}>
          Estimate sensitivity
        </Button>
      ) : null}
    </div>
  );
}

function Budget(): ReactNode {
  const session = useSession();
  const solution = useModel((s) => s.solution);
  const pareto = useModel((s) => s.pareto);
  const failure = useModel((s) => s.solveFailure);
  const solveMs = useModel((s) => s.solveMs);
  const blocker = useModel((s) => s.summary?.ggufBlocker ?? null);
  const target = useView((v) => v.targetBytes);
  const { nats } = useDamageWords();
  const measured = useMeasuredPoints();
  const [why, setWhy] = useState(false);
  const interval = useMemo(() => feasibleInterval({ solution, pareto }), [solution, pareto]);
  const setTarget = (wanted: number): void => session.view.set({ targetBytes: Math.max(1, Math.round(wanted)) });
  const shown = byteParts(solution?.bytes ?? target ?? 0);
  const here =
    solution === null
      ? null
      : { bytes: solution.bytes, bitsPerWeight: solution.bitsPerWeight, damage: solution.damage };
  return (
    <>
      <div className="budget-size">
        <h2>Budget</h2>
        <p className="budget-figure number">
          <strong data-testid="plan-size">
            {shown.value}&thinsp;{shown.unit}
          </strong>
          <span>
            of {bytes(target ?? 0)} ·{' '}
            <b data-testid="plan-bpw">{solution === null ? '–' : bitsPerWeight(solution.bitsPerWeight)}</b> b
            <span className="unit-long">its</span>/w<span className="unit-long">eight</span>
          </span>
        </p>
        {interval === null ? null : (
          <>
            <input
              type="range"
              className="slider"
              aria-label="Target size"
              aria-valuetext={`${bytes(target ?? 0)}`}
              data-testid="budget-slider"
              min={interval.minBytes}
              max={interval.maxBytes}
              step={Math.max(1, Math.floor((interval.maxBytes - interval.minBytes) / SLIDER_STEPS))}
              value={Math.min(interval.maxBytes, Math.max(interval.minBytes, target ?? interval.minBytes))}
              onChange={(event) => setTarget(event.currentTarget.valueAsNumber)}
              style={{ '--filled': `${filled(target, interval)}%` } as Record<string, string>}
            />
            <div className="slider-ends number hint">
              <span>{bytes(interval.minBytes)}</span>
              <BudgetField />
              <span>{bytes(interval.maxBytes)}</span>
            </div>
          </>
        )}
        {failure === null ? null : (
          <p className="error" role="alert" data-testid="solve-failure">
            {failure.code}: {visibleText(failure.message)}
          </p>
        )}
      </div>
      <div className="budget-curve">
        {pareto === null ? (
          <p className="hint">Tracing the curve…</p>
        ) : (
          <ChartWithTable
            id="pareto"
            title="Damage against size"
            className="compact"
            head={<h3 className="visually-hidden">Damage against size</h3>}
            figures={() => paretoRows(pareto, here, measured, setTarget)}
          >
            <ParetoChart
              points={pareto.points}
              landmarks={pareto.landmarks}
              bound={pareto.bound}
              boundBasis={pareto.boundBasis}
              measured={measured}
              nats={nats}
              here={here}
              onPick={setTarget}
            />
          </ChartWithTable>
        )}
      </div>
      <Comparison />
      <div className="budget-actions">
        <Button
          appearance="primary"
          testId="quantize"
          disabled={solution === null}
          {...(blocker === null ? {} : { title: visibleText(blocker) })}
          onClick={() => session.view.set({ lens: 'export', inspector: 'model' })}
        >
          Quantize…
        </Button>
        <Button testId="why" disabled={solution === null} onClick={() => setWhy(true)}>
          Why these bits?
        </Button>
        {solution === null ? null : (
          <p className="hint number" data-testid="solve-time">
            {solution.gap === 0 ? 'optimal' : `within ${figure(solution.gap * 100)} %`} ·{' '}
            {Math.max(1, Math.round(solveMs))} ms
          </p>
        )}
      </div>
      {why ? <WhyDialog onClose={() => setWhy(false)} /> : null}
    </>
  );
}

function BudgetField(): ReactNode {
  const session = useSession();
  const target = useView((v) => v.targetBytes);
  const parameters = useModel((s) => s.summary?.parameters ?? 0);
  const [text, setText] = useState<string | null>(null);
  const parsed = text === null ? null : parseBudget(text, parameters);
  const commit = (value: string): void => {
    const wanted = parseBudget(value, parameters);
    if (wanted !== null) session.view.set({ targetBytes: wanted });
    setText(null);
  };
  return (
    <TextField
      label="Target in bits per weight or bytes, for example 4.5 bpw or 80 MB"
      testId="budget-field"
      className={text !== null && parsed === null ? 'budget-field invalid' : 'budget-field'}
      title="4.5 bpw, 80 MB, 1.2 GB"
      value={text ?? bytes(target ?? 0)}
      onInput={setText}
      onCommit={commit}
    />
  );
}

function filled(target: number | null, interval: { minBytes: number; maxBytes: number }): number {
  const span = interval.maxBytes - interval.minBytes || 1;
  return Math.min(100, Math.max(0, (100 * ((target ?? interval.minBytes) - interval.minBytes)) / span));
}

/** Every plan of the comparison whose divergence was measured on the present text. */
function useMeasuredPoints(): readonly MeasuredPoint[] {
  const plans = useComparison();
  return useMemo(
    () =>
      plans.flatMap(({ plan, measure }) =>
        measure === null
          ? []
          : [
              {
                label: landmarkName(plan.label),
                bytes: plan.bytes,
                divergence: measure.divergence.mean,
                error: measure.divergence.error,
              },
            ],
      ),
    [plans],
  );
}

interface ComparisonRow {
  readonly label: string;
  readonly bytes: number;
  readonly bitsPerWeight: number;
  /** As the solver predicts it; NaN where nobody asked. */
  readonly damage: number;
  /** NaN where not measured. */
  readonly divergence: number;
  readonly current: boolean;
}

/** This plan beside the ones everybody knows: measured ones first, then uniform types nearest in size. */
function Comparison(): ReactNode {
  const solution = useModel((s) => s.solution);
  const landmarks = useModel((s) => s.pareto?.landmarks ?? null);
  const words = useDamageWords();
  const plans = useComparison();
  if (solution === null || landmarks === null) return <div className="budget-table" />;
  const away = (row: { bytes: number }): number => Math.abs(row.bytes - solution.bytes);
  const measured = plans
    .filter(({ kind, measure }) => kind !== 'current' && measure !== null)
    .map(({ plan, predicted, measure }): ComparisonRow => {
      const { bytes: size, bitsPerWeight: bits } = plan;
      const label = landmarkName(plan.label);
      const damage = words.nats && Number.isNaN(predicted) ? (measure?.predicted ?? Number.NaN) : predicted;
      const divergence = measure?.divergence.mean ?? Number.NaN;
      return { label, bytes: size, bitsPerWeight: bits, damage, divergence, current: false };
    });
  const known = landmarks.map(
    (mark): ComparisonRow => ({ ...mark, label: landmarkName(mark.label), divergence: Number.NaN, current: false }),
  );
  const near = [...measured, ...known.filter((mark) => !measured.some(({ label }) => label === mark.label))]
    .sort((a, b) => Number(Number.isNaN(a.divergence)) - Number(Number.isNaN(b.divergence)) || away(a) - away(b))
    .slice(0, SHOWN_LANDMARKS)
    .sort((a, b) => a.bytes - b.bytes);
  const divergence = plans.find(({ kind }) => kind === 'current')?.measure?.divergence.mean ?? Number.NaN;
  const here: ComparisonRow = { ...solution, label: 'this plan', divergence, current: true };
  const anyMeasured = [here, ...near].some((row) => !Number.isNaN(row.divergence));
  return (
    <div className="budget-table">
      <table className="figures" aria-label="This plan against the ones everybody knows">
        <thead>
          <tr>
            <th scope="col">
              {anyMeasured ? (
                <span className="visually-hidden">plan</span>
              ) : (
                <span className="pill quiet">{words.nats ? 'predicted' : 'estimated'}</span>
              )}
            </th>
            <th scope="col">size</th>
            {anyMeasured ? null : <th scope="col">b/w</th>}
            <th scope="col" title={`damage, ${words.meaning}`}>
              {anyMeasured ? (words.nats ? 'predicted KL' : 'damage') : words.short}
            </th>
            {anyMeasured ? (
              <th scope="col" title="KL divergence from the original, nats per token, measured">
                <span className="pill">measured KL</span>
              </th>
            ) : null}
          </tr>
        </thead>
        <tbody>
          {[here, ...near].map((row) => (
            <tr key={row.label} className={row.current ? 'chosen' : ''}>
              <th scope="row">{shownName(row.label, 22)}</th>
              <td>{bytes(row.bytes)}</td>
              {anyMeasured ? null : <td>{bitsPerWeight(row.bitsPerWeight)}</td>}
              <td data-testid={row.current ? 'plan-damage' : undefined}>{orDash(row.damage)}</td>
              {anyMeasured ? <td>{orDash(row.divergence)}</td> : null}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function orDash(value: number): string {
  return Number.isNaN(value) ? '–' : figure(value);
}
