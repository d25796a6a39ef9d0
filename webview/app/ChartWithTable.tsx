// A chart under its title, and the same figures as a table at the press of one button. Which it is, is remembered.

import { type ReactNode, useMemo } from 'react';
import { FigureTable } from '../charts/FigureTable.tsx';
import { csvText, type FigureRows } from '../charts/figureRows.ts';
import { CopyButton } from '../ui/CopyButton.tsx';
import { Button } from '../ui/toolkit.tsx';
import { useSession, useView } from './context.ts';

export type ChartId =
  | 'heatmap'
  | 'histogram'
  | 'channel'
  | 'costs'
  | 'outlier-roles'
  | 'kurtosis-layers'
  | 'ratio-layers'
  | 'kurtosis-ratio'
  | 'layer-type'
  | 'pareto'
  | 'importance-layers'
  | 'columns'
  | 'energy'
  | 'channel-layers'
  | 'token-channels'
  | 'input-kurtosis'
  | 'input-channels'
  | 'experts'
  | 'propagated';

export interface ChartWithTableProps {
  readonly id: ChartId;
  /** Says what chart and table show; drawn above unless `head` takes its place. */
  readonly title: string;
  readonly head?: ReactNode;
  /** Buttons that belong to chart and table alike. */
  readonly tools?: ReactNode;
  readonly className?: string;
  /** Called only while the table is shown; memoize it where rows are many. Null while there are none yet. */
  figures(): FigureRows | null;
  readonly children: ReactNode;
}

export function ChartWithTable(props: ChartWithTableProps): ReactNode {
  const { id, title, head, tools, className, figures, children } = props;
  const [asTable, setAsTable] = useAsTable(id);
  const shown = useMemo(() => (asTable ? figures() : null), [asTable, figures]);
  return (
    <div className={className === undefined ? 'chart-with-table' : `chart-with-table ${className}`}>
      <div className="section-head">
        {head ?? <h3>{title}</h3>}
        <div className="section-tools">
          {tools}
          {shown === null ? null : (
            <CopyButton
              testId={`${id}-copy`}
              text={() =>
                csvText(
                  shown.columns.map((column) => column.label),
                  shown.rows.map((row) => row.cells),
                )
              }
            >
              Copy as CSV
            </CopyButton>
          )}
          <Button
            className="small"
            testId={`${id}-table`}
            label={asTable ? `Show as chart: ${title}` : `Show as table: ${title}`}
            onClick={() => setAsTable(!asTable)}
          >
            {asTable ? 'Chart' : 'Table'}
          </Button>
        </div>
      </div>
      {!asTable ? (
        children
      ) : shown === null ? null : (
        <FigureTable label={title} figures={shown} testId={`${id}-rows`} />
      )}
    </div>
  );
}

/** Whether a chart is shown as its table. */
export function useAsTable(id: ChartId): [boolean, (on: boolean) => void] {
  const session = useSession();
  const asTable = useView((v) => v.tables.includes(id));
  return [
    asTable,
    (on) => session.view.set((v) => ({ tables: [...v.tables.filter((other) => other !== id), ...(on ? [id] : [])] })),
  ];
}
