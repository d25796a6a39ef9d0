// Heatmap of the selected tensor with its readout, zoom buttons and channel profile.

import { type ReactNode, useCallback, useRef, useState } from 'react';
import type { Tile } from '../../core/protocol/objects.ts';
import type { FigureRows } from '../charts/figureRows.ts';
import { HeatLegend } from '../charts/HeatLegend.tsx';
import { around, type HeatWindow, sameWindow, tileSides, wholeTensor, zoomAbout } from '../charts/heatWindow.ts';
import { largestPoints } from '../charts/largestPoints.ts';
import { exactFloat, figure, grouped } from '../charts/numberFormat.ts';
import { heatPosition } from '../charts/paintTile.ts';
import { extreme, type HeatPoint, TensorHeatmap } from '../charts/TensorHeatmap.tsx';
import { Failed } from '../ui/states.tsx';
import { Button } from '../ui/toolkit.tsx';
import { ChannelSection } from './ChannelSection.tsx';
import { ChartWithTable, useAsTable } from './ChartWithTable.tsx';
import { useModel, useSession, useView } from './context.ts';
import { useCall } from './useCall.ts';

const CELL_PX = 3;
/** Elements a side after "go to the largest". */
const CLOSE_SIDE = 48;
/** Pixels the picture would have, for a table shown before any picture was. */
const UNSEEN_SIZE: readonly [number, number] = [480, 270];
const TABLE_ROWS = 100;

export function TensorPicture(props: { tensor: number }): ReactNode {
  const { tensor } = props;
  const session = useSession();
  const table = useModel((s) => s.table);
  const model = useModel((s) => s.summary?.model ?? null);
  const row = useModel((s) => (s.figuresVersion >= 0 ? s.statistics.rows[tensor] : undefined));
  const zoom = useView((v) => v.zoom);
  const channel = useView((v) => v.channel);
  const [hover, setHover] = useState<HeatPoint | null>(null);
  const [size, setSize] = useState<readonly [number, number]>([0, 0]);
  const onSize = useCallback((width: number, height: number) => setSize([width, height]), []);

  const shape = table?.shapes[tensor] ?? [];
  const columns = shape.at(-1) ?? 1;
  const rows = columns === 0 ? 0 : (table?.elements[tensor] ?? 0) / columns;
  const limit = wholeTensor(rows, columns);
  const window: HeatWindow = zoom !== null && zoom.rows[1] <= rows && zoom.columns[1] <= columns ? zoom : limit;
  const [asTable] = useAsTable('heatmap');
  const drawn = size[0] === 0 && asTable ? UNSEEN_SIZE : size;
  const [width, height] = tileSides(window, drawn[0], drawn[1], CELL_PX);
  const tile = useCall(
    'tile',
    model === null || drawn[0] === 0
      ? null
      : { model, tensor, rows: [...window.rows], columns: [...window.columns], width, height },
    tensor,
  );

  const peak = tile.value === null ? null : extreme(tile.value);
  const mean = row?.mean ?? 0;
  const absMax = row?.absMax ?? Math.abs(peak?.value ?? 1);
  const sigma = row?.std ?? absMax / 4;
  const position = useCallback((value: number) => heatPosition(value, sigma, absMax), [sigma, absMax]);
  const zoomed = !sameWindow(window, limit);

  const pickPoint = useRef((point: HeatPoint): void => {
    setHover(point);
    session.view.set({ channel: { axis: 'column', index: point.column } });
  });

  function show(next: HeatWindow): void {
    session.view.set({
      zoom: sameWindow(next, limit) ? null : { rows: [...next.rows], columns: [...next.columns] },
    });
  }

  const perCell = [
    (window.rows[1] - window.rows[0]) / height,
    (window.columns[1] - window.columns[0]) / width,
  ] as const;
  const shownTile = tile.value;
  const figures = useCallback(
    () => (shownTile === null ? null : heatRows(shownTile, mean, sigma, pickPoint.current)),
    [shownTile, mean, sigma],
  );

  return (
    <div className="picture">
      <ChartWithTable
        id="heatmap"
        title="Weights"
        className="heat"
        head={
          <p className="hint number">
            |w| maximum,{' '}
            {perCell[0] <= 1 && perCell[1] <= 1
              ? 'one cell per weight'
              : `1 cell = ${trim(perCell[0])} × ${trim(perCell[1])} weights`}
          </p>
        }
        tools={
          <>
            <Button
              appearance="icon"
              label="Zoom in"
              title="Zoom in (+)"
              testId="zoom-in"
              onClick={() => show(zoomAbout(window, limit, 0.5, 0.5, 0.5))}
            >
              +
            </Button>
            <Button
              appearance="icon"
              label="Zoom out"
              title="Zoom out (−)"
              testId="zoom-out"
              onClick={() => show(zoomAbout(window, limit, 0.5, 0.5, 2))}
            >
              −
            </Button>
            <Button
              appearance="secondary"
              className="small"
              testId="zoom-largest"
              disabled={peak === null}
              onClick={() => {
                if (peak === null) return;
                show(around(limit, peak.row, peak.column, CLOSE_SIDE));
                setHover(peak);
                session.view.set({ channel: { axis: 'column', index: peak.column } });
              }}
            >
              Largest
            </Button>
            <Button
              appearance="secondary"
              className="small"
              testId="zoom-all"
              disabled={!zoomed}
              onClick={() => show(limit)}
            >
              Whole
            </Button>
          </>
        }
        figures={figures}
      >
        {tile.failure !== null ? (
          <Failed failure={tile.failure} />
        ) : (
          <TensorHeatmap
            label={`Weights, rows ${window.rows[0]} to ${window.rows[1] - 1}, columns ${window.columns[0]} to ${window.columns[1] - 1}. Plus and minus zoom, arrows move, Enter profiles the largest value.`}
            tile={tile.value}
            rows={rows}
            columns={columns}
            window={window}
            position={position}
            marker={channel}
            onWindow={show}
            onHover={setHover}
            onPick={(point, axis) =>
              session.view.set({ channel: { axis, index: axis === 'column' ? point.column : point.row } })
            }
            onSize={onSize}
          />
        )}
      </ChartWithTable>
      <div className="picture-foot">
        <p className="readout number" data-testid="hover-readout" aria-live="polite">
          {hover !== null ? (
            <>
              row <b>{grouped(hover.row)}</b>, column <b>{grouped(hover.column)}</b> = <b>{exactFloat(hover.value)}</b>
              {sigma > 0 ? <span className="hint"> ({figure(Math.abs(hover.value - mean) / sigma)} σ)</span> : null}
              {hover.elements > 1 ? <span className="hint"> · largest of {grouped(hover.elements)}</span> : null}
            </>
          ) : tile.value === null && tile.failure === null ? (
            <span className="hint">reading weights…</span>
          ) : (
            <span className="hint">hover for values, click for a channel</span>
          )}
        </p>
        <HeatLegend top={Math.max(absMax, 8 * sigma)} />
      </div>
      {channel === null ? null : (
        <ChannelSection
          tensor={tensor}
          channel={channel}
          sigma={sigma}
          other={(axis) => {
            const index = hover === null ? channel.index : axis === 'column' ? hover.column : hover.row;
            return { axis, index: Math.min(index, (axis === 'column' ? columns : rows) - 1) };
          }}
        />
      )}
    </div>
  );
}

/** The largest cells of what is in view; picking one profiles its column, as a click on the picture does. */
function heatRows(tile: Tile, mean: number, sigma: number, pick: (point: HeatPoint) => void): FigureRows {
  return {
    columns: [
      { label: 'row', text: grouped },
      { label: 'column', text: grouped },
      { label: 'value', text: exactFloat },
      { label: 'σ from the mean', text: figure },
      { label: 'largest of', text: grouped },
    ],
    rows: largestPoints(tile, TABLE_ROWS).map((point) => ({
      key: `${point.row}:${point.column}`,
      cells: [
        point.row,
        point.column,
        point.value,
        sigma > 0 ? Math.abs(point.value - mean) / sigma : Number.NaN,
        point.elements,
      ],
      pick: () => pick(point),
    })),
  };
}

function trim(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(1);
}
