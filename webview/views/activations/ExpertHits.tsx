// How evenly a router of experts spreads its rows, one layer at a time.

import { type ReactNode, useState } from 'react';
import type { Activations } from '../../../core/protocol/calibration.ts';
import { ChartWithTable } from '../../app/ChartWithTable.tsx';
import { ExpertBars } from '../../charts/ExpertBars.tsx';
import { grouped, percent } from '../../charts/numberFormat.ts';
import { Dropdown } from '../../ui/toolkit.tsx';

export function ExpertHits(props: { layers: Activations['expertHits'] }): ReactNode {
  const { layers } = props;
  const [wanted, setWanted] = useState<number | null>(null);
  const shown = layers.find(({ layer }) => layer === wanted) ?? layers[0];
  if (shown === undefined) return null;
  const { layer, hits } = shown;
  const total = hits.reduce((sum, n) => sum + n, 0);
  const unused = hits.filter((n) => n === 0).length;
  return (
    <ChartWithTable
      id="experts"
      title="Rows routed to each expert"
      figures={() => ({
        columns: [
          { label: 'expert', text: String },
          { label: 'rows', text: grouped },
          { label: 'share', text: percent },
        ],
        rows: hits
          .map((n, expert) => ({ key: expert, cells: [expert, n, total === 0 ? 0 : n / total] }))
          .sort((a, b) => (b.cells[1] ?? 0) - (a.cells[1] ?? 0)),
      })}
      tools={
        <Dropdown
          label="Layer of experts"
          testId="expert-layer"
          className="short"
          value={String(layer)}
          options={layers.map((entry) => ({ value: String(entry.layer), label: `layer ${entry.layer}` }))}
          onChange={(next) => setWanted(Number(next))}
        />
      }
    >
      <ExpertBars hits={hits} label={`Rows routed to ${hits.length} experts of layer ${layer}`} />
      {unused === 0 ? null : (
        <p className="hint number">
          {grouped(unused)} of {grouped(hits.length)} experts saw no row: their inputs are not known.
        </p>
      )}
    </ChartWithTable>
  );
}
