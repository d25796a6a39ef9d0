// A short list of tensors with their figures; each leads to its place in the grid.

import type { ReactNode } from 'react';
import { type ColorScale, rampColor } from '../charts/colorScale.ts';
import { shownName } from '../charts/visibleText.ts';
import { useModel, useSession } from './context.ts';
import type { Metric } from './metrics.ts';
import { select } from './viewState.ts';

export function RankedTensors(props: {
  tensors: readonly number[];
  values: Float64Array;
  metric: Metric;
  scale: ColorScale;
  /** Standard errors; NaN where there is none. */
  errors?: Float64Array;
}): ReactNode {
  const { tensors, values, metric, scale, errors } = props;
  const session = useSession();
  const names = useModel((s) => s.table?.names ?? []);
  return (
    <ol className={errors === undefined ? 'ranked' : 'ranked with-errors'}>
      {tensors.map((tensor) => {
        const value = values[tensor] ?? Number.NaN;
        const position = scale.position(value);
        const error = errors?.[tensor] ?? Number.NaN;
        const [from, to] = [scale.position(value - error), scale.position(value + error)];
        return (
          <li key={tensor}>
            <button
              type="button"
              data-testid={`ranked-${tensor}`}
              onClick={() => session.view.set((v) => select(v, tensor))}
            >
              <span className="ranked-name">{shownName(names[tensor] ?? '', 80)}</span>
              <span className="ranked-bar">
                <span
                  style={{ width: `${Math.max(1, position * 100)}%`, background: rampColor(metric.ramp, position) }}
                />
                {Number.isNaN(error) ? null : (
                  <span
                    className="ranked-error"
                    style={{ left: `${from * 100}%`, width: `${Math.max(0, Math.min(1, to) - from) * 100}%` }}
                  />
                )}
              </span>
              <span className="ranked-value number">
                {metric.text(value)}
                {metric.unit === '%' ? ' %' : ''}
                {Number.isNaN(error) ? null : <span className="hint"> ± {metric.text(error)}</span>}
              </span>
            </button>
          </li>
        );
      })}
    </ol>
  );
}
