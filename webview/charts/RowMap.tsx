// A heatmap whose rows have names (layers, tokens): a gutter beside the picture, kept in step with its zoom.

import { type ReactNode, useMemo, useState } from 'react';
import type { ActivationMap } from '../../core/protocol/calibration.ts';
import type { Tile } from '../../core/protocol/objects.ts';
import { type HeatWindow, wholeTensor } from './heatWindow.ts';
import { type HeatPoint, TensorHeatmap } from './TensorHeatmap.tsx';

const LEAST_LABEL_PX = 13;

/** Values with the channel each is of, row-major: as activation maps cross the protocol. */
export type RowMapData = Pick<ActivationMap, 'values' | 'channels' | 'width' | 'columns'>;

export function RowMap(props: {
  label: string;
  data: RowMapData;
  /** One per row. */
  names: readonly string[];
  /** Marked in the gutter and by a dashed line. */
  current: number | null;
  testId: string;
  onHover(point: HeatPoint | null): void;
  onPick(point: HeatPoint): void;
}): ReactNode {
  const { label, data, names, current, testId, onHover, onPick } = props;
  const limit = useMemo(() => wholeTensor(names.length, data.columns), [names, data]);
  const [zoomed, setZoomed] = useState<{ of: RowMapData; window: HeatWindow } | null>(null);
  const [height, setHeight] = useState(0);
  const window = zoomed?.of === data ? zoomed.window : limit;
  const tile = useMemo(() => rowTile(data, names.length), [data, names]);
  const position = useMemo(() => rarePosition(data.values), [data]);
  const marker = useMemo(() => (current === null ? null : { axis: 'row' as const, index: current }), [current]);
  const [setSize] = useState(() => (_: number, tall: number) => setHeight(tall));
  const longest = useMemo(() => names.reduce((most, name) => Math.max(most, name.length), 0), [names]);
  const [from, to] = window.rows;
  const rowPx = height / Math.max(1, to - from);
  const step = Math.max(1, Math.ceil(LEAST_LABEL_PX / Math.max(rowPx, 0.01)));
  return (
    <div className="row-map" data-testid={testId}>
      <div className="row-names number" aria-hidden="true" style={{ height, width: `${longest}ch` }}>
        {names.slice(from, to).map((name, i) =>
          (from + i) % step === 0 || from + i === current ? (
            <span
              // biome-ignore lint/suspicious/noArrayIndexKey: a row is its place.
              key={from + i}
              className={from + i === current ? 'current' : ''}
              style={{ top: (i + 0.5) * rowPx }}
            >
              {name}
            </span>
          ) : null,
        )}
      </div>
      <TensorHeatmap
        label={label}
        tile={tile}
        rows={names.length}
        columns={data.columns}
        window={window}
        position={position}
        marker={marker}
        onWindow={(next) => setZoomed({ of: data, window: next })}
        onHover={onHover}
        onPick={(point) => onPick(point)}
        onSize={setSize}
      />
    </div>
  );
}

/** The map as a tile: its cells are one row high, and say which channel their extreme is of. */
export function rowTile({ values, channels, width, columns }: RowMapData, rows: number): Tile {
  return {
    tensor: 0,
    rows: [0, rows],
    columns: [0, columns],
    width,
    height: rows,
    values,
    extremeRows: Uint32Array.from(values, (_, at) => Math.floor(at / width)),
    extremeColumns: channels,
  };
}

/** A map without outliers stays dim: its largest value is not drawn as if it were one. */
const LEAST_SPREAD = 8;

/** Median and top of the magnitudes of a map: its scale. */
export function mapScale(values: Float32Array): { readonly unit: number; readonly top: number } {
  const sizes = values.map(Math.abs).filter(Number.isFinite).sort();
  const most = sizes.at(-1) ?? 0;
  const middle = sizes[sizes.length >> 1] ?? 0;
  // A map that is mostly zero still has a scale.
  const unit = middle > 0 ? middle : most / 1000;
  return { unit, top: Math.max(most, LEAST_SPREAD * unit) };
}

/**
 * log(1 + |v| / median) / log(1 + top / median): activations of a few channels are thousands of times the others', and
 * both must show.
 */
export function rarePosition(values: Float32Array): (value: number) => number {
  const { unit, top } = mapScale(values);
  const span = Math.log1p(top / unit);
  return (value) => (span > 0 ? Math.min(1, Math.log1p(Math.abs(value) / unit) / span) : 0);
}
