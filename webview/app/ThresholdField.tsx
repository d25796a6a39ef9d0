// A threshold of the present metric: cells at or above it are outlined in the grid, their tensors counted here.

import { type ReactNode, useMemo, useState } from 'react';
import { grouped } from '../charts/numberFormat.ts';
import { TextField } from '../ui/toolkit.tsx';
import { type LensFigures, useLayout, useSession, useThreshold } from './context.ts';
import { parseThreshold, thresholdText } from './parseThreshold.ts';

/** As the field itself writes it. */
const BOUND = /^\s*≥\s*/;

export function ThresholdField(props: { figures: LensFigures }): ReactNode {
  const { metric, values } = props.figures;
  const session = useSession();
  const layout = useLayout();
  const threshold = useThreshold(metric);
  const [text, setText] = useState<{ metric: string; text: string } | null>(null);
  // A text half typed belongs to the metric it was typed for.
  const typed = text?.metric === metric.id ? text.text : null;
  const invalid =
    typed !== null && typed.trim() !== '' && parseThreshold(typed.replace(BOUND, ''), metric.unit) === null;
  const above = useMemo(() => {
    if (threshold === null) return 0;
    let count = 0;
    values.forEach((value, t) => {
      if (value >= threshold && (layout.blockOf[t] ?? -1) >= 0) count++;
    });
    return count;
  }, [values, threshold, layout]);

  function commit(entry: string): void {
    const value = parseThreshold(entry, metric.unit);
    setText(null);
    session.view.set((v) => {
      const { [metric.id]: _, ...others } = v.thresholds;
      return { thresholds: value === null ? others : { ...others, [metric.id]: value } };
    });
  }

  return (
    <>
      <TextField
        label={`Outline tensors whose ${metric.label} is at least`}
        testId="threshold"
        className={invalid ? 'threshold invalid' : 'threshold'}
        title={`outline cells at or above this ${metric.label}; empty: none`}
        placeholder="outline ≥"
        value={typed ?? (threshold === null ? '' : `≥ ${thresholdText(threshold, metric.unit)}`)}
        onInput={(entry) => setText({ metric: metric.id, text: entry })}
        onCommit={(entry) => commit(entry.replace(BOUND, ''))}
      />
      {threshold === null ? null : (
        <span className="hint number" role="status" data-testid="threshold-count">
          {grouped(above)} {above === 1 ? 'tensor' : 'tensors'}
        </span>
      )}
    </>
  );
}
