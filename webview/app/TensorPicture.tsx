// Heatmap of the selected tensor with its readout, zoom buttons and channel profile.

import { type ReactNode, useCallback, useState } from 'react';
import { ChannelProfile } from '../charts/ChannelProfile.tsx';
import { rampColor } from '../charts/colorScale.ts';
import { around, type HeatWindow, sameWindow, tileSides, wholeTensor, zoomAbout } from '../charts/heatWindow.ts';
import { exactFloat, figure, grouped } from '../charts/numberFormat.ts';
import { extreme, type HeatPoint, TensorHeatmap } from '../charts/TensorHeatmap.tsx';
import { Failed, Working } from '../ui/states.tsx';
import { Button } from '../ui/toolkit.tsx';
import { useModel, useSession, useView } from './context.ts';
import { useCall } from './useCall.ts';

const CELL_PX = 3;
/** Elements a side after "go to the largest". */
const CLOSE_SIDE = 48;

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
  const [width, height] = tileSides(window, size[0], size[1], CELL_PX);
  const tile = useCall(
    'tile',
    model === null || size[0] === 0
      ? null
      : { model, tensor, rows: [...window.rows], columns: [...window.columns], width, height },
    tensor,
  );
  const profile = useCall('channel', model === null || channel === null ? null : { model, tensor, ...channel }, tensor);

  const peak = tile.value === null ? null : extreme(tile.value);
  const absMax = row?.absMax ?? Math.abs(peak?.value ?? 1);
  const sigma = row?.std ?? absMax / 4;
  const zoomed = !sameWindow(window, limit);

  function show(next: HeatWindow): void {
    session.view.set({
      zoom: sameWindow(next, limit) ? null : { rows: [...next.rows], columns: [...next.columns] },
    });
  }

  const perCell = [
    (window.rows[1] - window.rows[0]) / height,
    (window.columns[1] - window.columns[0]) / width,
  ] as const;
  return (
    <div className="picture">
      <div className="picture-head">
        <p className="hint number">
          |w| maximum,{' '}
          {perCell[0] <= 1 && perCell[1] <= 1
            ? 'one cell per weight'
            : `1 cell = ${trim(perCell[0])} × ${trim(perCell[1])} weights`}
        </p>
        <div className="picture-tools">
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
        </div>
      </div>
      {tile.failure !== null ? (
        <Failed failure={tile.failure} />
      ) : (
        <TensorHeatmap
          label={`Weights, rows ${window.rows[0]} to ${window.rows[1] - 1}, columns ${window.columns[0]} to ${window.columns[1] - 1}. Plus and minus zoom, arrows move, Enter profiles the largest value.`}
          tile={tile.value}
          rows={rows}
          columns={columns}
          window={window}
          sigma={sigma}
          absMax={absMax}
          marker={channel}
          onWindow={show}
          onHover={setHover}
          onPick={(point, axis) =>
            session.view.set({ channel: { axis, index: axis === 'column' ? point.column : point.row } })
          }
          onSize={onSize}
        />
      )}
      <div className="picture-foot">
        <p className="readout number" data-testid="hover-readout" aria-live="polite">
          {hover !== null ? (
            <>
              row <b>{grouped(hover.row)}</b>, column <b>{grouped(hover.column)}</b> = <b>{exactFloat(hover.value)}</b>
              {sigma > 0 ? (
                <span className="hint"> ({figure(Math.abs(hover.value - (row?.mean ?? 0)) / sigma)} σ)</span>
              ) : null}
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
        <section className="channel" aria-label="Channel profile">
          <div className="channel-head">
            <h3>
              {channel.axis === 'column' ? 'Input channel (column)' : 'Output channel (row)'} {grouped(channel.index)}
            </h3>
            <fieldset className="segmented">
              <legend className="visually-hidden">Channel axis</legend>
              {(['column', 'row'] as const).map((axis) => (
                <button
                  key={axis}
                  type="button"
                  aria-pressed={channel.axis === axis}
                  data-testid={`channel-${axis}`}
                  onClick={() => {
                    const index = hover !== null ? (axis === 'column' ? hover.column : hover.row) : channel.index;
                    session.view.set({
                      channel: { axis, index: Math.min(index, (axis === 'column' ? columns : rows) - 1) },
                    });
                  }}
                >
                  {axis}
                </button>
              ))}
            </fieldset>
            <Button
              appearance="icon"
              label="Close channel profile"
              testId="channel-close"
              onClick={() => session.view.set({ channel: null })}
            >
              ×
            </Button>
          </div>
          {profile.failure !== null ? (
            <Failed failure={profile.failure} />
          ) : profile.value === null ? (
            <Working what="Reading one channel" />
          ) : (
            <ChannelProfile
              label={`${channel.axis} ${channel.index}: ${profile.value.values.length} values`}
              values={profile.value.values}
              sigma={sigma}
            />
          )}
        </section>
      )}
    </div>
  );
}

const LEGEND_STOPS = Array.from({ length: 16 }, (_, i) => rampColor('inferno', i / 15)).join(',');

function HeatLegend(props: { top: number }): ReactNode {
  return (
    <span className="heat-legend number hint">
      0 <span style={{ background: `linear-gradient(to right, ${LEGEND_STOPS})` }} /> {figure(props.top)}
    </span>
  );
}

function trim(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(1);
}
