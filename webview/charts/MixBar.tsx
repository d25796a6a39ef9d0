// Shares of a whole as one stacked bar with its table: dtype mix, role mix.

import { scaleOrdinal, schemeTableau10 } from 'd3';
import type { ReactNode } from 'react';
import { count, grouped, percent } from './numberFormat.ts';

export interface MixPart {
  readonly name: string;
  readonly tensors: number;
  readonly parameters: number;
  readonly bytes: string;
}

export function MixBar(props: { label: string; parts: readonly MixPart[] }): ReactNode {
  const { label } = props;
  const parts = [...props.parts].sort((a, b) => b.parameters - a.parameters);
  const total = parts.reduce((sum, part) => sum + part.parameters, 0) || 1;
  const color = scaleOrdinal<string, string>(
    parts.map((part) => part.name),
    schemeTableau10,
  );
  return (
    <div className="mix">
      <div className="mix-bar" role="presentation">
        {parts.map((part) => (
          <div
            key={part.name}
            title={`${part.name}: ${percent(part.parameters / total)}`}
            style={{ width: `${(part.parameters / total) * 100}%`, background: color(part.name) }}
          />
        ))}
      </div>
      <table className="figures" aria-label={label}>
        <thead>
          <tr>
            <th scope="col">{label}</th>
            <th scope="col">tensors</th>
            <th scope="col">parameters</th>
            <th scope="col">share</th>
            <th scope="col">size</th>
          </tr>
        </thead>
        <tbody>
          {parts.map((part) => (
            <tr key={part.name}>
              <th scope="row">
                <span className="swatch" style={{ background: color(part.name) }} />
                {part.name}
              </th>
              <td>{grouped(part.tensors)}</td>
              <td>{count(part.parameters)}</td>
              <td>{percent(part.parameters / total)}</td>
              <td>{part.bytes}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
