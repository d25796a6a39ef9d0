// What each type would cost the selected tensor; choosing one pins it, L pins what the plan gives.

import { type KeyboardEvent, type ReactNode, useEffect, useMemo } from 'react';
import { CostScatter } from '../charts/CostScatter.tsx';
import type { FigureRows } from '../charts/figureRows.ts';
import { bitsPerWeight, bytes, decibels, figure } from '../charts/numberFormat.ts';
import { visibleText } from '../charts/visibleText.ts';
import { LockIcon } from '../ui/icons.tsx';
import { Empty, Failed } from '../ui/states.tsx';
import { Button } from '../ui/toolkit.tsx';
import { ChartWithTable } from './ChartWithTable.tsx';
import { useModel, useSession, useView } from './context.ts';
import type { Target } from './tensorFigures.ts';
import { useWeighted } from './useWeighted.ts';
import { pin } from './viewState.ts';

export function TensorCosts(props: { tensor: number }): ReactNode {
  const { tensor } = props;
  const session = useSession();
  const name = useModel((s) => s.table?.names[tensor] ?? '');
  const elements = useModel((s) => s.table?.elements[tensor] ?? 1);
  const quantizable = useModel((s) => s.table?.quantizable[tensor] === 1);
  const task = useModel((s) => s.tasks.sensitivity);
  const damages = useModel((s) => (s.figuresVersion >= 0 ? s.damages.rows[tensor] : undefined));
  const assigned = useModel((s) => s.solution?.tensors[name]);
  const pins = useView((v) => v.pins);
  const choices = useView((v) => v.choices);
  const weighted = useWeighted();
  const allowed = useMemo(() => new Set<string>(choices), [choices]);
  useEffect(() => {
    if (assigned?.why === '') session.explain();
  }, [session, assigned]);
  const pinned = pins.find((entry) => entry.name === name);
  const chosen = pinned?.type ?? assigned?.type ?? null;

  const figures = (): FigureRows | null =>
    damages === undefined
      ? null
      : {
          columns: [
            { label: 'type' },
            { label: 'stored as' },
            { label: 'size', text: bytes },
            { label: 'bits/weight', text: bitsPerWeight },
            { label: 'relative error' },
            { label: 'SQNR', text: decibels },
          ],
          rows: damages.map((d) => ({
            key: d.type,
            cells: [d.type, d.stored, d.bytes, (8 * d.bytes) / elements, d.relativeError, d.sqnr],
            current: d.type === chosen,
            pick: () => choose(d.type),
          })),
        };

  if (!quantizable) {
    return (
      <>
        <h3>What each type would cost here</h3>
        <p className="hint">
          Kept as stored: plans change matrices of floats, and leave norms, biases, routers and convolutions alone.
        </p>
      </>
    );
  }

  function choose(type: Target): void {
    session.view.set((v) => pin(v, [name], pinned?.type === type ? null : type));
  }

  function onKeyDown(event: KeyboardEvent): void {
    if ((event.key !== 'l' && event.key !== 'L') || chosen === null) return;
    session.view.set((v) => pin(v, [name], pinned === undefined ? chosen : null));
  }

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: L locks from anywhere inside; the button below does the same.
    <section className="costs" onKeyDown={onKeyDown} data-testid="tensor-costs">
      <ChartWithTable id="costs" title="What each type would cost here" figures={figures}>
        {damages === undefined ? (
          task.failure !== null ? (
            <Failed failure={task.failure} action={{ label: 'Try again', run: () => void session.runSensitivity() }} />
          ) : task.status === 'running' ? (
            <Empty>Sensitivity is being estimated; this tensor has not been reached yet.</Empty>
          ) : (
            <Empty>
              Not estimated yet.{' '}
              <Button testId="costs-sensitivity" onClick={() => void session.runSensitivity()}>
                Estimate sensitivity
              </Button>
            </Empty>
          )
        ) : (
          <CostScatter
            damages={damages}
            elements={elements}
            chosen={chosen}
            pinned={pinned !== undefined}
            allowed={allowed}
            onChoose={choose}
          />
        )}
      </ChartWithTable>
      {chosen === null ? null : (
        <div className="choice">
          <p>
            {pinned === undefined ? 'The plan gives ' : 'Locked to '}
            <strong data-testid="chosen-type">{chosen}</strong>
            {assigned === undefined
              ? ''
              : ` · ${bytes(assigned.bytes)} · relative error ${figure(assigned.relativeError)}`}
          </p>
          <Button
            testId="lock-tensor"
            className="small"
            onClick={() => session.view.set((v) => pin(v, [name], pinned === undefined ? chosen : null))}
          >
            <LockIcon /> {pinned === undefined ? 'Lock (L)' : 'Unlock (L)'}
          </Button>
        </div>
      )}
      {assigned === undefined ? null : <p className="hint why">{assigned.why === '' ? '…' : assigned.why}</p>}
      <p className="hint">
        {weighted === null
          ? 'Relative squared error, estimated without data.'
          : `Relative squared error, columns weighed by ${visibleText(weighted)}.`}{' '}
        Click a type to choose it, again to free it.
      </p>
    </section>
  );
}
