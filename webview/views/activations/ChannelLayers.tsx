// Channel × layer of one tap: which channels stand out, and through how many layers they do.

import { type ReactNode, useCallback, useMemo, useState } from 'react';
import { ACTIVATION_STATISTICS, type ActivationMap } from '../../../core/protocol/calibration.ts';
import { activationRow, firstFed } from '../../app/activationFigures.ts';
import { ChartWithTable } from '../../app/ChartWithTable.tsx';
import { useModel, useSession, useView } from '../../app/context.ts';
import { useCall } from '../../app/useCall.ts';
import { select } from '../../app/viewState.ts';
import type { FigureRows } from '../../charts/figureRows.ts';
import { HeatLegend } from '../../charts/HeatLegend.tsx';
import { largestPoints } from '../../charts/largestPoints.ts';
import { exactFloat, grouped } from '../../charts/numberFormat.ts';
import { mapScale, RowMap, rowTile } from '../../charts/RowMap.tsx';
import type { HeatPoint } from '../../charts/TensorHeatmap.tsx';
import { Failed, Working } from '../../ui/states.tsx';
import { Dropdown } from '../../ui/toolkit.tsx';
import type { Tap } from './tapName.ts';

/** Cells a row: more than the inspector has pixels, so that little is merged. */
const MOST_CELLS = 1024;
const TABLE_ROWS = 100;

export const STATISTIC_NAMES: Readonly<Record<(typeof ACTIVATION_STATISTICS)[number], string>> = {
  absMax: 'max|x|',
  rms: 'root mean square',
  std: 'deviation',
  mean: 'mean',
  kurtosis: 'excess kurtosis',
};

export function ChannelLayers(props: { tap: Tap }): ReactNode {
  const { tap } = props;
  const session = useSession();
  const model = useModel((s) => s.summary?.model ?? null);
  const activations = useModel((s) => s.activations);
  const statistic = useView((v) => v.activationStatistic);
  const selected = useView((v) => v.selected);
  const [hover, setHover] = useState<HeatPoint | null>(null);
  const width = Math.max(1, Math.min(tap.columns, MOST_CELLS));
  const answer = useCall(
    'activationMap',
    model === null ? null : { model, tap: tap.tap, statistic, width },
    `${tap.tap}\0${statistic}`,
  );
  const map = answer.value;
  const names = useMemo(() => (map === null ? [] : map.layers.map(String)), [map]);
  const fed = useMemo(() => (activations === null ? new Int32Array(0) : firstFed(activations)), [activations]);

  /** The tensor that reads this tap in the layer of a row. */
  const open = useCallback(
    (row: number): void => {
      const at = activations?.all.rows.findIndex((r) => r.layer === map?.layers[row] && r.tap === tap.tap) ?? -1;
      const tensor = fed[at] ?? -1;
      if (tensor >= 0) session.view.set((v) => select(v, tensor));
    },
    [session, activations, fed, map, tap],
  );
  const figures = useCallback(() => (map === null ? null : mapRows(map, open)), [map, open]);

  const input = selected === null ? null : activationRow(activations, selected);
  const current = input === null || map === null ? -1 : map.layers.indexOf(input.layer);
  const top = useMemo(() => (map === null ? 0 : mapScale(map.values).top), [map]);
  return (
    <ChartWithTable
      id="channel-layers"
      title="Channels by layer"
      figures={figures}
      tools={
        <Dropdown
          label="Statistic of a channel"
          testId="activation-statistic"
          className="short"
          value={statistic}
          options={ACTIVATION_STATISTICS.map((value) => ({ value, label: STATISTIC_NAMES[value] }))}
          onChange={(next) => session.view.set({ activationStatistic: next })}
        />
      }
    >
      {answer.failure !== null ? (
        <Failed failure={answer.failure} />
      ) : map === null ? (
        <Working what="Reading the channels" />
      ) : (
        <>
          <RowMap
            testId="channel-layers"
            label={`${STATISTIC_NAMES[statistic]} of ${tap.columns} channels in ${names.length} layers. Plus and minus zoom, arrows move, Enter selects the layer of the largest value.`}
            data={map}
            names={names}
            current={current < 0 ? null : current}
            onHover={setHover}
            onPick={(point) => open(point.row)}
          />
          <div className="picture-foot">
            <p className="readout number" data-testid="channel-readout" aria-live="polite">
              {hover === null ? (
                <span className="hint">layers down, channels across · hover for values, click for the layer</span>
              ) : (
                <>
                  layer <b>{names[hover.row] ?? ''}</b>, channel <b>{grouped(hover.column)}</b>:{' '}
                  {STATISTIC_NAMES[statistic]} <b>{exactFloat(hover.value)}</b>
                  {hover.elements > 1 ? <span className="hint"> · extreme of {grouped(hover.elements)}</span> : null}
                </>
              )}
            </p>
            <HeatLegend top={top} />
          </div>
        </>
      )}
    </ChartWithTable>
  );
}

/** Largest cells first; picking one selects its layer, as a click on the picture does. */
function mapRows(map: ActivationMap, open: (row: number) => void): FigureRows {
  return {
    columns: [
      { label: 'layer', text: String },
      { label: 'channel', text: grouped },
      { label: STATISTIC_NAMES[map.statistic], text: exactFloat },
    ],
    rows: largestPoints(rowTile(map, map.layers.length), TABLE_ROWS).map((point) => ({
      key: `${point.row}:${point.column}`,
      cells: [map.layers[point.row] ?? point.row, point.column, point.value],
      pick: () => open(point.row),
    })),
  };
}
