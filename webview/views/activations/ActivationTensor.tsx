// The selected tensor under the Activations lens: what its input looks like, channel by channel.

import { type ReactNode, useCallback, useMemo, useState } from 'react';
import type { ActivationRow } from '../../../core/protocol/calibration.ts';
import { activationRow } from '../../app/activationFigures.ts';
import { CellSiblings } from '../../app/CellSiblings.tsx';
import { ChartWithTable } from '../../app/ChartWithTable.tsx';
import { useModel, useView } from '../../app/context.ts';
import { ProvenanceNote } from '../../app/ProvenanceNote.tsx';
import { useCall } from '../../app/useCall.ts';
import { ColumnEnergy } from '../../charts/ColumnEnergy.tsx';
import type { FigureRows } from '../../charts/figureRows.ts';
import { exactFloat, figure, grouped } from '../../charts/numberFormat.ts';
import { visibleText } from '../../charts/visibleText.ts';
import { Empty, Failed, Working } from '../../ui/states.tsx';
import { MassiveActivations, Sinks } from './MassiveActivations.tsx';
import { NeedsCalibration } from './NeedsCalibration.tsx';

/** What one call may ask for; wider taps keep the extreme of a few channels. */
const MOST_CELLS = 2048;

export function ActivationTensor(): ReactNode {
  const selected = useView((v) => v.selected);
  const table = useModel((s) => s.table);
  const activations = useModel((s) => s.activations);
  const stale = useModel((s) => s.calibration?.stale === true);
  if (selected === null || table === null) {
    return <Empty>Select a cell of the grid to see what its tensor is multiplied with.</Empty>;
  }
  const name = table.names[selected] ?? '';
  const row = activationRow(activations, selected);
  return (
    <article className="tensor" data-testid="activation-tensor">
      <h2 className="tensor-name" title={visibleText(name)} data-testid="tensor-name">
        {visibleText(name)}
      </h2>
      <CellSiblings tensor={selected} />
      {activations === null ? (
        <NeedsCalibration what="Activations" />
      ) : row === null ? (
        <Empty>The input of this tensor was not measured: only matrices inside layers have a tap.</Empty>
      ) : (
        <>
          <InputFigures row={row} />
          <InputChannels row={row} />
          <MassiveActivations rows={activations.all.massive.filter(({ layer }) => layer === row.layer)} />
          {row.tap.startsWith('attn') || row.tap === 'o_in' ? (
            <Sinks rows={activations.all.sinks.filter(({ layer }) => layer === row.layer)} />
          ) : null}
          <ProvenanceNote provenance={activations.all.provenance} stale={stale} />
        </>
      )}
    </article>
  );
}

/** From here on figures are drawn as a warning: far beyond a Gaussian's. */
const HEAVY_KURTOSIS = 10;

function InputFigures(props: { row: ActivationRow }): ReactNode {
  const { row } = props;
  const figures: readonly (readonly [label: string, text: string, formula: string, warn?: boolean])[] = [
    ['abs max', figure(row.absMax), 'max|x|'],
    ['kurtosis', figure(row.kurtosis), 'excess: E[(x − μ)⁴]/σ⁴ − 3, all values', row.kurtosis > HEAVY_KURTOSIS],
    ['max / mean', figure(row.maxToMeanRatio), 'max|x| / mean|x|'],
    ['largest channel', `${figure(row.channelRatio)} ×`, 'largest max|x| of a channel / the median channel’s'],
    ['mean', figure(row.mean), 'mean of x'],
    ['std', figure(row.std), 'standard deviation'],
    ['channels', grouped(row.columns), 'input columns of the tensor'],
    ['rows', grouped(row.rows), 'tokens, or rows routed to an expert'],
  ];
  return (
    <>
      <p className="hint number">
        Input <code>{visibleText(row.tap)}</code> of layer {row.layer}
      </p>
      <dl className="figure-grid" data-testid="input-figures">
        {figures.map(([label, text, formula, warn]) => (
          <div key={label} title={formula}>
            <dt>{label}</dt>
            <dd className={warn === true ? 'hot' : ''}>{text}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}

function InputChannels(props: { row: ActivationRow }): ReactNode {
  const { row } = props;
  const model = useModel((s) => s.summary?.model ?? null);
  const [hovered, setHovered] = useState<number | null>(null);
  const width = Math.max(1, Math.min(row.columns, MOST_CELLS));
  const answer = useCall(
    'activationMap',
    model === null ? null : { model, tap: row.tap, statistic: 'absMax', width },
    row.tap,
  );
  const map = answer.value;
  const channels = useMemo(() => {
    const at = map?.layers.indexOf(row.layer) ?? -1;
    if (map === null || at < 0) return null;
    const [from, to] = [at * map.width, (at + 1) * map.width];
    const values = map.values.subarray(from, to);
    const peak = values.reduce((best, value, i) => (value > (values[best] ?? 0) ? i : best), 0);
    const mean = values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
    return { values, of: map.channels.subarray(from, to), peak, mean };
  }, [map, row.layer]);
  const rows = useCallback((): FigureRows | null => {
    if (channels === null) return null;
    const order = Array.from(channels.values.keys());
    order.sort((a, b) => (channels.values[b] ?? 0) - (channels.values[a] ?? 0) || a - b);
    return {
      columns: [
        { label: 'channel', text: grouped },
        { label: 'max|x|', text: exactFloat },
        { label: '× mean', text: figure },
      ],
      rows: order.map((at) => {
        const value = channels.values[at] ?? Number.NaN;
        return { key: at, cells: [channels.of[at] ?? at, value, value / channels.mean] };
      }),
    };
  }, [channels]);
  const shown = hovered ?? channels?.peak ?? 0;
  return (
    <ChartWithTable id="input-channels" title="Largest |x| by channel" figures={rows}>
      {answer.failure !== null ? (
        <Failed failure={answer.failure} />
      ) : channels === null ? (
        answer.pending ? (
          <Working what="Reading the channels" />
        ) : (
          <Empty>This layer has no channel figures.</Empty>
        )
      ) : (
        <>
          <ColumnEnergy
            label={`Largest |x| of ${row.columns} channels, logarithmic`}
            values={channels.values}
            columns={row.columns}
            mean={channels.mean}
            marked={hovered}
            onHover={setHovered}
          />
          <p className="readout number" data-testid="input-readout">
            channel <b>{grouped(channels.of[shown] ?? shown)}</b>: max|x|{' '}
            <b>{exactFloat(channels.values[shown] ?? 0)}</b>
            <span className="hint">
              {' '}
              · {figure((channels.values[shown] ?? 0) / channels.mean)} × mean
              {hovered === null ? ' · the largest' : ''}
            </span>
          </p>
        </>
      )}
    </ChartWithTable>
  );
}
