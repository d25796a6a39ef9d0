// One row or column of the selected tensor: profile, its largest values as rows, and the way to the other axis.

import { type ReactNode, useCallback } from 'react';
import { ChannelProfile } from '../charts/ChannelProfile.tsx';
import type { FigureRows } from '../charts/figureRows.ts';
import { exactFloat, figure, grouped } from '../charts/numberFormat.ts';
import { Failed, Working } from '../ui/states.tsx';
import { Button } from '../ui/toolkit.tsx';
import { ChartWithTable } from './ChartWithTable.tsx';
import { useModel, useSession } from './context.ts';
import { useCall } from './useCall.ts';

export interface Channel {
  readonly axis: 'row' | 'column';
  readonly index: number;
}

export function ChannelSection(props: {
  tensor: number;
  channel: Channel;
  sigma: number;
  /** The same element seen along the other axis. */
  other(axis: Channel['axis']): Channel;
}): ReactNode {
  const { tensor, channel, sigma, other } = props;
  const session = useSession();
  const model = useModel((s) => s.summary?.model ?? null);
  const profile = useCall('channel', model === null ? null : { model, tensor, ...channel }, tensor);
  const values = profile.value?.values ?? null;
  const figures = useCallback(
    () => (values === null ? null : channelRows(values, sigma, channel.axis)),
    [values, sigma, channel.axis],
  );
  const title = `${channel.axis === 'column' ? 'Input channel (column)' : 'Output channel (row)'} ${grouped(channel.index)}`;
  const tools = (
    <>
      <fieldset className="segmented">
        <legend className="visually-hidden">Channel axis</legend>
        {(['column', 'row'] as const).map((axis) => (
          <button
            key={axis}
            type="button"
            aria-pressed={channel.axis === axis}
            data-testid={`channel-${axis}`}
            onClick={() => session.view.set({ channel: other(axis) })}
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
    </>
  );
  return (
    <section className="channel" aria-label="Channel profile">
      <ChartWithTable id="channel" title={title} tools={tools} figures={figures}>
        {profile.failure !== null ? (
          <Failed failure={profile.failure} />
        ) : values === null ? (
          <Working what="Reading one channel" />
        ) : (
          <ChannelProfile
            label={`${channel.axis} ${channel.index}: ${values.length} values`}
            values={values}
            sigma={sigma}
          />
        )}
      </ChartWithTable>
    </section>
  );
}

/** Every value of the channel, largest magnitude first. */
function channelRows(values: Float32Array, sigma: number, axis: Channel['axis']): FigureRows {
  const size = (at: number): number => {
    const value = values[at] ?? 0;
    return Number.isNaN(value) ? Infinity : Math.abs(value);
  };
  const order = Array.from(values, (_, at) => at).sort((a, b) => size(b) - size(a) || a - b);
  return {
    columns: [
      { label: axis === 'column' ? 'row' : 'column', text: grouped },
      { label: 'value', text: exactFloat },
      { label: 'σ', text: figure },
    ],
    rows: order.map((at) => {
      const value = values[at] ?? Number.NaN;
      return { key: at, cells: [at, value, sigma > 0 ? value / sigma : Number.NaN] };
    }),
  };
}
