// A tensor as a picture that never loses an outlier: wheel and drag, +/− and arrows, hover reads exact values.

import { type KeyboardEvent, type PointerEvent, type ReactNode, useEffect, useRef, useState } from 'react';
import type { Tile } from '../../core/protocol/objects.ts';
import { useSize } from '../ui/useSize.ts';
import { type HeatWindow, panBy, wholeTensor, zoomAbout } from './heatWindow.ts';
import { paintTile } from './paintTile.ts';

export interface HeatPoint {
  readonly row: number;
  readonly column: number;
  readonly value: number;
  /** Elements under the cell; the value is the one of largest magnitude. */
  readonly elements: number;
}

export interface TensorHeatmapProps {
  label: string;
  tile: Tile | null;
  rows: number;
  columns: number;
  window: HeatWindow;
  /** Where a value lies on the ramp, 0…1. */
  position(value: number): number;
  marker: { axis: 'row' | 'column'; index: number } | null;
  onWindow(window: HeatWindow): void;
  onHover(point: HeatPoint | null): void;
  onPick(point: HeatPoint, axis: 'row' | 'column'): void;
  onSize(width: number, height: number): void;
}

const WHEEL_SPEED = 0.0016;
const KEY_ZOOM = 0.6;
const KEY_PAN = 0.2;
const DRAG_SLACK_PX = 4;

export function TensorHeatmap(props: TensorHeatmapProps): ReactNode {
  const { label, tile, rows, columns, window, position, marker, onWindow, onHover, onPick, onSize } = props;
  const [frame, size] = useSize<HTMLDivElement>();
  const canvas = useRef<HTMLCanvasElement>(null);
  const image = useRef<{ tile: Tile; position: unknown; picture: HTMLCanvasElement } | null>(null);
  const drag = useRef<{ x: number; y: number; window: HeatWindow; moved: boolean } | null>(null);
  const [at, setAt] = useState<{ x: number; y: number } | null>(null);
  const limit = wholeTensor(rows, columns);

  useEffect(() => onSize(size.width, size.height), [size.width, size.height, onSize]);

  useEffect(() => {
    const node = canvas.current;
    const context = node?.getContext('2d');
    if (node === null || context === null || context === undefined || size.width === 0) return;
    const ratio = globalThis.devicePixelRatio || 1;
    node.width = Math.round(size.width * ratio);
    node.height = Math.round(size.height * ratio);
    if (tile === null) return;
    if (image.current?.tile !== tile || image.current.position !== position) {
      image.current = { tile, position, picture: paint(tile, position) };
    }
    // While the next tile is on its way, the last one is shown stretched to the new window.
    const perColumn = node.width / (window.columns[1] - window.columns[0]);
    const perRow = node.height / (window.rows[1] - window.rows[0]);
    context.imageSmoothingEnabled = false;
    context.drawImage(
      image.current.picture,
      (tile.columns[0] - window.columns[0]) * perColumn,
      (tile.rows[0] - window.rows[0]) * perRow,
      (tile.columns[1] - tile.columns[0]) * perColumn,
      (tile.rows[1] - tile.rows[0]) * perRow,
    );
    if (marker !== null) {
      context.strokeStyle = '#ffffff';
      context.lineWidth = ratio;
      context.setLineDash([4 * ratio, 3 * ratio]);
      context.beginPath();
      if (marker.axis === 'column') {
        const x = (marker.index + 0.5 - window.columns[0]) * perColumn;
        context.moveTo(x, 0);
        context.lineTo(x, node.height);
      } else {
        const y = (marker.index + 0.5 - window.rows[0]) * perRow;
        context.moveTo(0, y);
        context.lineTo(node.width, y);
      }
      context.stroke();
    }
  }, [tile, window, position, marker, size]);

  // React attaches wheel listeners as passive; zooming must keep the page from scrolling.
  const latest = useRef({ window, limit, onWindow });
  latest.current = { window, limit, onWindow };
  useEffect(() => {
    const node = frame.current;
    if (node === null) return;
    const onWheel = (event: WheelEvent): void => {
      event.preventDefault();
      const box = node.getBoundingClientRect();
      const { window: from, limit: whole, onWindow: report } = latest.current;
      const x = (event.clientX - box.left) / box.width;
      const y = (event.clientY - box.top) / box.height;
      report(zoomAbout(from, whole, x, y, Math.exp(event.deltaY * WHEEL_SPEED)));
    };
    node.addEventListener('wheel', onWheel, { passive: false });
    return () => node.removeEventListener('wheel', onWheel);
  }, [frame]);

  function share(event: PointerEvent): { x: number; y: number } {
    const box = event.currentTarget.getBoundingClientRect();
    return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
  }

  function onPointerMove(event: PointerEvent): void {
    const held = drag.current;
    if (held !== null) {
      const dx = event.clientX - held.x;
      const dy = event.clientY - held.y;
      if (Math.abs(dx) + Math.abs(dy) > DRAG_SLACK_PX) held.moved = true;
      if (held.moved) onWindow(panBy(held.window, limit, -dx / size.width, -dy / size.height));
      return;
    }
    const here = share(event);
    setAt(here);
    onHover(tile === null ? null : pointAt(tile, window, here.x, here.y));
  }

  function onPointerUp(event: PointerEvent): void {
    const held = drag.current;
    drag.current = null;
    if (held === null || held.moved || tile === null) return;
    const here = share(event);
    const point = pointAt(tile, window, here.x, here.y);
    if (point !== null) onPick(point, event.shiftKey ? 'row' : 'column');
  }

  function onKeyDown(event: KeyboardEvent): void {
    const next = keyWindow(event.key, window, limit);
    if (next !== null) onWindow(next);
    else if (event.key === 'Enter' && tile !== null) {
      const point = extreme(tile);
      if (point !== null) {
        onHover(point);
        onPick(point, event.shiftKey ? 'row' : 'column');
      }
    } else return;
    event.preventDefault();
  }

  return (
    <div
      ref={frame}
      className="heatmap"
      data-testid="heatmap"
      role="application"
      aria-roledescription="zoomable heatmap"
      aria-label={label}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: an application region takes keys.
      tabIndex={0}
      onPointerDown={(event) => {
        drag.current = { x: event.clientX, y: event.clientY, window, moved: false };
        event.currentTarget.setPointerCapture(event.pointerId);
      }}
      onPointerMove={onPointerMove}
      onPointerUp={onPointerUp}
      onPointerLeave={() => {
        setAt(null);
        if (drag.current === null) onHover(null);
      }}
      onDoubleClick={() => onWindow(limit)}
      onKeyDown={onKeyDown}
    >
      <canvas ref={canvas} />
      {at === null || tile === null ? null : <HeatCursor tile={tile} window={window} x={at.x} y={at.y} />}
    </div>
  );
}

function HeatCursor(props: { tile: Tile; window: HeatWindow; x: number; y: number }): ReactNode {
  const { tile, window, x, y } = props;
  const cell = cellAt(tile, window, x, y);
  if (cell === null) return null;
  const columns = window.columns[1] - window.columns[0];
  const rows = window.rows[1] - window.rows[0];
  const cellColumns = (tile.columns[1] - tile.columns[0]) / tile.width;
  const cellRows = (tile.rows[1] - tile.rows[0]) / tile.height;
  const style = {
    left: `${((tile.columns[0] + cell.i * cellColumns - window.columns[0]) / columns) * 100}%`,
    top: `${((tile.rows[0] + cell.j * cellRows - window.rows[0]) / rows) * 100}%`,
    width: `${(cellColumns / columns) * 100}%`,
    height: `${(cellRows / rows) * 100}%`,
  };
  return <div className="heat-cursor" style={style} />;
}

export function keyWindow(key: string, window: HeatWindow, limit: HeatWindow): HeatWindow | null {
  switch (key) {
    case '+':
    case '=':
      return zoomAbout(window, limit, 0.5, 0.5, KEY_ZOOM);
    case '-':
    case '_':
    case '−':
      return zoomAbout(window, limit, 0.5, 0.5, 1 / KEY_ZOOM);
    case 'ArrowLeft':
      return panBy(window, limit, -KEY_PAN, 0);
    case 'ArrowRight':
      return panBy(window, limit, KEY_PAN, 0);
    case 'ArrowUp':
      return panBy(window, limit, 0, -KEY_PAN);
    case 'ArrowDown':
      return panBy(window, limit, 0, KEY_PAN);
    case '0':
    case 'Home':
      return limit;
    default:
      return null;
  }
}

function cellAt(tile: Tile, window: HeatWindow, x: number, y: number): { i: number; j: number } | null {
  const column = window.columns[0] + x * (window.columns[1] - window.columns[0]);
  const row = window.rows[0] + y * (window.rows[1] - window.rows[0]);
  const i = Math.floor(((column - tile.columns[0]) / (tile.columns[1] - tile.columns[0])) * tile.width);
  const j = Math.floor(((row - tile.rows[0]) / (tile.rows[1] - tile.rows[0])) * tile.height);
  return i < 0 || j < 0 || i >= tile.width || j >= tile.height ? null : { i, j };
}

/** The extreme element under a point of the picture. */
export function pointAt(tile: Tile, window: HeatWindow, x: number, y: number): HeatPoint | null {
  const cell = cellAt(tile, window, x, y);
  return cell === null ? null : cellPoint(tile, cell.j * tile.width + cell.i);
}

function cellPoint(tile: Tile, at: number): HeatPoint {
  const cellColumns = (tile.columns[1] - tile.columns[0]) / tile.width;
  const cellRows = (tile.rows[1] - tile.rows[0]) / tile.height;
  return {
    row: tile.extremeRows[at] ?? 0,
    column: tile.extremeColumns[at] ?? 0,
    value: tile.values[at] ?? Number.NaN,
    elements: Math.round(cellColumns * cellRows),
  };
}

/** The largest magnitude in the tile; a NaN is more worth seeing than any number. */
export function extreme(tile: Tile): HeatPoint | null {
  let best = -1;
  for (let i = 0; i < tile.values.length; i++) {
    const value = tile.values[i] ?? 0;
    if (Number.isNaN(value)) return cellPoint(tile, i);
    if (best < 0 || Math.abs(value) > Math.abs(tile.values[best] ?? 0)) best = i;
  }
  return best < 0 ? null : cellPoint(tile, best);
}

function paint(tile: Tile, position: (value: number) => number): HTMLCanvasElement {
  const picture = document.createElement('canvas');
  picture.width = tile.width;
  picture.height = tile.height;
  const context = picture.getContext('2d');
  if (context !== null) {
    const pixels = context.createImageData(tile.width, tile.height);
    paintTile(tile.values, position, pixels.data);
    context.putImageData(pixels, 0, 0);
  }
  return picture;
}
