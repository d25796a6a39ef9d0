// Layer × bits from the weights alone: what each type does to each layer, and which tensors suffer most at the chosen one.

import { type ReactNode, useMemo } from 'react';
import { ChartWithTable } from '../../app/ChartWithTable.tsx';
import { useLayout, useLensFigures, useModel, useSession, useView } from '../../app/context.ts';
import { ProvenanceNote } from '../../app/ProvenanceNote.tsx';
import { RankedTensors } from '../../app/RankedTensors.tsx';
import { TARGETS, type Target } from '../../app/tensorFigures.ts';
import { useWeighted } from '../../app/useWeighted.ts';
import { LayerTypeHeatmap, type LayerTypeRow } from '../../charts/LayerTypeHeatmap.tsx';
import { visibleText } from '../../charts/visibleText.ts';
import { Empty, Failed } from '../../ui/states.tsx';
import { Button } from '../../ui/toolkit.tsx';

const SHOWN = 10;
/** Types that keep a float as it is have no column: nothing is lost there. */
const COLUMNS: readonly Target[] = TARGETS.filter((type) => type !== 'F32' && type !== 'F16' && type !== 'BF16');

export function WeightSensitivity(): ReactNode {
  const session = useSession();
  const task = useModel((s) => s.tasks.sensitivity);
  const table = useModel((s) => s.table);
  const damages = useModel((s) => s.damages);
  const version = useModel((s) => s.figuresVersion);
  const weighted = useWeighted();
  const type = useView((v) => v.sensitivityType);
  const layout = useLayout();
  const { metric, values, scale } = useLensFigures();

  const rows = useMemo((): LayerTypeRow[] => {
    void version;
    if (table === null) return [];
    const groups = new Map<string, { label: string; order: number; sums: Float64Array; counts: Float64Array }>();
    damages.rows.forEach((row, t) => {
      if (row === undefined) return;
      const layer = table.layers[t] ?? -1;
      const key = layer < 0 ? `r${table.roles[t]}` : `l${table.stacks[t]}\0${layer}`;
      const group = groups.get(key) ?? {
        label: layer < 0 ? (table.roles[t] ?? 'other') : String(layer),
        order: layer < 0 ? 1e9 : layer,
        sums: new Float64Array(COLUMNS.length),
        counts: new Float64Array(COLUMNS.length),
      };
      groups.set(key, group);
      COLUMNS.forEach((column, c) => {
        const error = damages.relativeError[column][t] ?? Number.NaN;
        if (!Number.isFinite(error)) return;
        group.sums[c] = (group.sums[c] ?? 0) + error;
        group.counts[c] = (group.counts[c] ?? 0) + 1;
      });
    });
    return [...groups.values()]
      .sort((a, b) => a.order - b.order)
      .map(({ label, sums, counts }) => ({
        label,
        values: [...sums].map((sum, c) => sum / (counts[c] || Number.NaN)),
      }));
  }, [table, damages, version]);

  const ranked = useMemo(() => {
    const known: number[] = [];
    values.forEach((value, t) => {
      if (Number.isFinite(value) && (layout.blockOf[t] ?? -1) >= 0) known.push(t);
    });
    return known.sort((a, b) => (values[b] ?? 0) - (values[a] ?? 0)).slice(0, SHOWN);
  }, [values, layout]);

  return (
    <>
      <p className="lead">
        What each type does to each tensor: the relative squared error after quantizing and reading back,{' '}
        {weighted === null
          ? '‖W − Ŵ‖²/‖W‖², estimated from the weights alone, without data.'
          : `Σ E[x²]·(W − Ŵ)² / Σ E[x²]·W², its columns weighed by the calibration on ${visibleText(weighted)}.`}
      </p>
      {task.failure !== null ? (
        <Failed failure={task.failure} action={{ label: 'Try again', run: () => void session.runSensitivity() }} />
      ) : null}
      {task.status === 'cancelled' ? (
        <p className="notice warning inline" role="status">
          Cancelled; what was estimated so far is shown.{' '}
          <Button testId="sensitivity-resume" onClick={() => void session.runSensitivity()}>
            Continue
          </Button>
        </p>
      ) : null}
      {rows.length === 0 ? (
        task.status === 'running' ? (
          <Empty>The first tensors are being quantized.</Empty>
        ) : (
          <Empty>
            <p>Every tensor is quantized to all {TARGETS.length} types and compared. Statistics stay as they are.</p>
            <Button appearance="primary" testId="run-sensitivity" onClick={() => void session.runSensitivity()}>
              Estimate sensitivity
            </Button>
          </Empty>
        )
      ) : (
        <>
          <ChartWithTable
            id="layer-type"
            title="Mean relative error by layer and type"
            figures={() => ({
              columns: [{ label: 'layer' }, ...COLUMNS.map((label) => ({ label }))],
              rows: rows.map(({ label, values: cells }, key) => ({ key, cells: [label, ...cells] })),
            })}
          >
            <LayerTypeHeatmap
              rows={rows}
              columns={COLUMNS}
              selected={type}
              onSelect={(column) => session.view.set({ sensitivityType: column })}
            />
          </ChartWithTable>
          <h3>Largest relative error at {type}</h3>
          <RankedTensors tensors={ranked} values={values} metric={metric} scale={scale} />
        </>
      )}
      <ProvenanceNote provenance={task.provenance} />
    </>
  );
}
