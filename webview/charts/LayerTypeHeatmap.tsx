// Layers × types as a heat table; a column is the type the grid shows. Wide numbers appear when there is room.

import { type ReactNode, useMemo } from 'react';
import type * as z from 'zod';
import type { zTarget } from '../../core/protocol/objects.ts';
import { colorScale, inkOn } from './colorScale.ts';
import { cellFigure } from './numberFormat.ts';
import { TYPE_BITS } from './typeBits.ts';

type Target = z.infer<typeof zTarget>;

export interface LayerTypeRow {
  readonly label: string;
  /** Mean relative error per column; NaN where unknown. */
  readonly values: readonly number[];
}

export function LayerTypeHeatmap(props: {
  rows: readonly LayerTypeRow[];
  columns: readonly Target[];
  selected: Target;
  onSelect(type: Target): void;
}): ReactNode {
  const { rows, columns, selected, onSelect } = props;
  const scale = useMemo(
    () =>
      colorScale(
        rows.flatMap((row) => row.values),
        'log',
      ),
    [rows],
  );
  return (
    <section
      className="layer-type"
      aria-label="Mean relative error by layer and type"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard.
      tabIndex={0}
      data-testid="layer-type"
    >
      <table>
        <thead>
          <tr>
            <th scope="col">
              <span className="visually-hidden">layer</span>
            </th>
            {columns.map((type) => (
              <th key={type} scope="col" className={type === selected ? 'current' : ''}>
                <button
                  type="button"
                  onClick={() => onSelect(type)}
                  aria-pressed={type === selected}
                  title={`${TYPE_BITS[type]} bits per weight`}
                >
                  {type.replace('_', '\u200b_')}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, r) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: several stacks repeat layer numbers; order is fixed.
            <tr key={r}>
              <th scope="row">{row.label}</th>
              {row.values.map((value, c) => {
                const color = Number.isFinite(value) ? scale.color(value) : undefined;
                const type = columns[c] ?? selected;
                return (
                  <td
                    key={type}
                    className={type === selected ? 'current' : ''}
                    style={color === undefined ? {} : { background: color, color: inkOn(color) }}
                    title={`${row.label}, ${type}: ${cellFigure(value)}`}
                  >
                    {Number.isFinite(value) ? cellFigure(value) : ''}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
